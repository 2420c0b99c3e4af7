package dev.stillframe.engine.capture;

import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.mmu.Userfault;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.tracking.WriteTracker;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/**
 * Lets the turn go to somebody else wherever the engine reaches for its target: before the call,
 * after it, and in the middle of a copy. Elsewhere than in a {@link Coroutine} it does nothing.
 */
final class Turns {
    private static final int HALF = Block.PAGE_BYTES / 2;

    private String point = "waits for another";
    private boolean waits;
    private boolean hasWaited;

    /** What whoever had the turn is about to do. */
    String point() {
        return point;
    }

    /** Whether whoever had the turn last cannot go on before another has done something. */
    boolean waits() {
        return waits;
    }

    /** Gives a turn: up to the next point. What yields without coming to one waits for another. */
    void give(Coroutine to) {
        waits = true;
        hasWaited = false;
        point = "waits for another";
        to.resume();
    }

    /** The turn may go to somebody else here. */
    void at(String next) {
        leave(next, false);
    }

    /** The turn must go to somebody else here, if anybody has something to do. */
    void waitAt(String next) {
        leave(next, true);
    }

    @SuppressWarnings("ThreadPriorityCheck") // whose scheduler is the test
    private void leave(String next, boolean waiting) {
        if (!Thread.currentThread().isVirtual() || (hasWaited && !waiting)) {
            hasWaited =
                    false; // another try is one step, which either does something or waits again
            return;
        }
        point = next;
        waits = waiting;
        Thread.yield();
        hasWaited = waiting;
    }

    PageReader reader(PageReader reader) {
        return (address, length, into) -> {
            at("copy %x".formatted(address));
            long first = reader.read(address, HALF, into);
            at("copy the rest of %x".formatted(address));
            long rest = reader.read(address + HALF, length - HALF, into + HALF);
            return first < 0 ? first : rest < 0 ? rest : first + rest;
        };
    }

    MemoryFile file(MemoryFile file) {
        return new ForwardingFile(file) {
            @Override
            public long read(long address, long length, long offset) {
                return reader((at, bytes, into) -> file.read(into, bytes, at))
                        .read(offset, length, address);
            }

            @Override
            public long nextData(long offset) throws IOException {
                at("look for data at " + offset);
                return super.nextData(offset);
            }

            @Override
            public long nextHole(long offset) throws IOException {
                at("look for a hole at " + offset);
                return super.nextHole(offset);
            }
        };
    }

    ProtectionView view(ProtectionView view) {
        return new ProtectionView() {
            @Override
            public boolean isWhole(long start, long bytes) throws IOException {
                at("look at %x".formatted(start));
                boolean whole = view.isWhole(start, bytes);
                at("has looked at %x: %s".formatted(start, whole));
                return whole;
            }

            @Override
            public void close() {
                view.close();
            }
        };
    }

    /** {@code readable} is the descriptor behind the tracker. */
    WriteTracker tracker(WriteTracker tracker, Userfault readable) {
        return new TurningTracker(tracker, readable);
    }

    private final class TurningTracker implements WriteTracker {
        private final WriteTracker tracker;
        private final Userfault readable;

        TurningTracker(WriteTracker tracker, Userfault readable) {
            this.tracker = tracker;
            this.readable = readable;
        }

        @Override
        public void enable() throws IOException {
            tracker.enable();
        }

        @Override
        public void register(AddressRange range) throws IOException {
            tracker.register(range);
        }

        @Override
        public long unregister(long start, long bytes) {
            return tracker.unregister(start, bytes);
        }

        @Override
        public long protect(long start, long bytes) {
            return tracker.protect(start, bytes);
        }

        @Override
        public long unprotect(long start, long bytes) {
            at("unprotect %x".formatted(start));
            long result = tracker.unprotect(start, bytes);
            if (result == -Errno.EAGAIN.number() && readable.poll() != Userfault.Poll.READABLE) {
                waitAt("is told to try again, and there is nothing to read");
            } else {
                at("has unprotected %x: %d".formatted(start, result));
            }
            return result;
        }

        @Override
        public long wake(long start, long bytes) {
            at("wake %x".formatted(start));
            return tracker.wake(start, bytes);
        }

        /** To find nothing changes nothing, so it needs no turn. */
        @Override
        public int read(MemorySegment into) {
            if (readable.poll() != Userfault.Poll.READABLE) {
                return 0;
            }
            at("read messages");
            int count = tracker.read(into);
            at("has read %d messages".formatted(count));
            return count;
        }

        @Override
        public void await(long timeoutNanos) {
            throw new IllegalStateException("nobody sleeps here");
        }

        @Override
        public void release() throws IOException {
            tracker.release();
        }

        @Override
        public void close() {
            tracker.close();
        }
    }
}
