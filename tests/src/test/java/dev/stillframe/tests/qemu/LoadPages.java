package dev.stillframe.tests.qemu;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * Pages of {@code guestload.c}, found in a guest's RAM by what they hold, to be put back into it
 * when they are old. Immutable.
 *
 * @param contents by offset in the file that is the guest's RAM
 */
record LoadPages(Map<Long, ByteBuffer> contents) {
    private static final int PAGE_BYTES = 4096;
    private static final int WORD_EVERY_BYTES = 512;
    private static final int WORDS_IN_A_ROW = 6; // those after the first; the last lies elsewhere

    /** Some of the pages as they are now. */
    static LoadPages read(Path memory, int count) throws IOException {
        Map<Long, ByteBuffer> contents = new HashMap<>();
        try (FileChannel file = FileChannel.open(memory, StandardOpenOption.READ)) {
            for (long at = 0; at < file.size() && contents.size() < count; at += PAGE_BYTES) {
                ByteBuffer page = page(file, at);
                if (isOfLoad(page)) {
                    contents.put(at, page);
                }
            }
        }
        return new LoadPages(Map.copyOf(contents));
    }

    /**
     * Writes those that the guest has changed since over what it has now.
     *
     * @return how many that were
     */
    int putBack(Path memory) throws IOException {
        int written = 0;
        try (FileChannel file =
                FileChannel.open(memory, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            for (Map.Entry<Long, ByteBuffer> old : contents.entrySet()) {
                if (!page(file, old.getKey()).equals(old.getValue())) {
                    file.write(old.getValue().duplicate(), old.getKey());
                    written++;
                }
            }
        }
        return written;
    }

    /** The words that differ only by their place. */
    private static boolean isOfLoad(ByteBuffer page) {
        for (int word = 1; word < WORDS_IN_A_ROW; word++) {
            long here = page.getLong(word * WORD_EVERY_BYTES);
            if (page.getLong((word + 1) * WORD_EVERY_BYTES) != here + 1) {
                return false;
            }
        }
        return true;
    }

    private static ByteBuffer page(FileChannel file, long at) throws IOException {
        ByteBuffer page = ByteBuffer.allocate(PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (page.hasRemaining()) {
            if (file.read(page, at + page.position()) < 0) {
                throw new IOException("the guest's RAM ends in a page, at " + at);
            }
        }
        return page.flip();
    }
}
