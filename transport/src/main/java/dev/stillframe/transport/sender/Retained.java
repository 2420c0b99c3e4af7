package dev.stillframe.transport.sender;

import dev.stillframe.engine.page.PageBatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The batches that are not yet durable at the receiver, in their order. A batch is released when it
 * is durable and no write uses its memory any more. Thread-safe.
 */
final class Retained {
    private final ReentrantLock lock = new ReentrantLock();
    private final Deque<Item> items = new ArrayDeque<>();
    private long durable;
    private long bytes;

    /** A batch that may be needed again. */
    static final class Item {
        private final Retained owner;
        private final long sequence;
        private final PageBatch batch;
        private final long bytes;
        private int writes;
        private boolean done;

        private Item(Retained owner, long sequence, PageBatch batch) {
            this.owner = owner;
            this.sequence = sequence;
            this.batch = batch;
            this.bytes = batch.dataBytes();
        }

        long sequence() {
            return sequence;
        }

        PageBatch batch() {
            return batch;
        }

        /** A write of its memory begins; whether it is still worth it. */
        boolean beginWrite() {
            owner.lock.lock();
            try {
                if (done) {
                    return false;
                }
                writes++;
                return true;
            } finally {
                owner.lock.unlock();
            }
        }

        /** A write is over, in whatever way. */
        void endWrite() {
            boolean free;
            owner.lock.lock();
            try {
                writes--;
                free = done && writes == 0;
            } finally {
                owner.lock.unlock();
            }
            if (free) {
                batch.release();
            }
        }
    }

    /** Adds the next batch, whose owner is the item from now on. */
    Item add(long sequence, PageBatch batch) {
        Item item = new Item(this, sequence, batch);
        lock.lock();
        try {
            items.add(item);
            bytes += item.bytes;
        } finally {
            lock.unlock();
        }
        return item;
    }

    /** All up to {@code sequence} need not be kept any more. */
    void durable(long sequence) {
        lock.lock();
        try {
            durable = Math.max(durable, sequence);
        } finally {
            lock.unlock();
        }
        release(sequence);
    }

    /** Nothing will be sent any more. */
    void clear() {
        release(Long.MAX_VALUE);
    }

    private void release(long sequence) {
        List<PageBatch> free = new ArrayList<>();
        lock.lock();
        try {
            while (!items.isEmpty() && items.peek().sequence <= sequence) {
                Item item = items.remove();
                bytes -= item.bytes;
                item.done = true;
                if (item.writes == 0) {
                    free.add(item.batch);
                }
            }
        } finally {
            lock.unlock();
        }
        free.forEach(PageBatch::release);
    }

    /** The last batch that is known to be durable. */
    long durable() {
        lock.lock();
        try {
            return durable;
        } finally {
            lock.unlock();
        }
    }

    /** What has to be sent again in another attempt. */
    List<Item> all() {
        lock.lock();
        try {
            return List.copyOf(items);
        } finally {
            lock.unlock();
        }
    }

    /** Page contents that are kept. */
    long bytes() {
        lock.lock();
        try {
            return bytes;
        } finally {
            lock.unlock();
        }
    }
}
