package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Machine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Memory of an actor as its program would see it, read without a fault: a page that is not there is
 * read from its file, or is zeros. Only a page that is in swap comes back. Stateless.
 */
final class Contents {
    private static final int SWAP_FILES_MAX = 16; // higher numbers are marks, not places

    private Contents() {}

    static byte[] of(ActorProcess process, long address, int bytes) {
        byte[] content = new byte[bytes];
        int done = 0;
        while (done < bytes) {
            long at = address + done;
            int chunk = (int) Math.min(bytes - done, Machine.PAGE_BYTES - at % Machine.PAGE_BYTES);
            byte[] part =
                    isInMemory(process, at)
                            ? process.memory().read(at, chunk)
                            : absent(process, at, chunk);
            System.arraycopy(part, 0, content, done, chunk);
            done += chunk;
        }
        return content;
    }

    private static boolean isInMemory(ActorProcess process, long address) {
        long entry = process.memory().entry(address);
        boolean present = entry >>> 63 == 1;
        boolean swapped = (entry >>> 62 & 1) == 1 && (entry & 0x1f) < SWAP_FILES_MAX;
        return present || swapped;
    }

    /**
     * What is behind a page that is not there: the file of its mapping, by proc(5) {@code
     * map_files}.
     */
    private static byte[] absent(ActorProcess process, long address, int bytes) {
        String directory = "/proc/" + process.pid() + "/";
        try {
            for (String line : Files.readAllLines(Path.of(directory + "maps"))) {
                List<String> columns = List.of(line.split("\\s+", 6));
                String[] range = columns.getFirst().split("-", 2);
                long start = Long.parseUnsignedLong(range[0], 16);
                if (address >= start && address < Long.parseUnsignedLong(range[1], 16)) {
                    long offset = Long.parseLong(columns.get(2), 16) + address - start;
                    boolean anonymous =
                            columns.get(4).equals("0") || line.contains("/anon_hugepage");
                    Path file = Path.of(directory + "map_files/" + columns.getFirst());
                    return anonymous ? new byte[bytes] : read(file, offset, bytes);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        throw new IllegalStateException("nothing is mapped there");
    }

    private static byte[] read(Path file, long offset, int bytes) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        try (FileChannel channel = FileChannel.open(file)) {
            int read = 0;
            while (read >= 0 && buffer.hasRemaining()) {
                read = channel.read(buffer, offset + buffer.position());
            }
        }
        return buffer.array();
    }
}
