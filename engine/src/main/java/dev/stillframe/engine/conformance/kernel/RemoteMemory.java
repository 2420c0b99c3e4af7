package dev.stillframe.engine.conformance.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The memory of a process by {@code /proc/PID/mem} and {@code /proc/PID/pagemap} (proc(5)). Owned
 * by one thread.
 */
final class RemoteMemory implements AutoCloseable {
    private final FileChannel memory;
    private final FileChannel pagemap;

    RemoteMemory(int pid) throws IOException {
        memory =
                FileChannel.open(
                        Path.of("/proc/" + pid + "/mem"),
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        pagemap = FileChannel.open(Path.of("/proc/" + pid + "/pagemap"), StandardOpenOption.READ);
    }

    byte[] read(long address, int bytes) {
        ByteBuffer buffer = ByteBuffer.allocate(bytes);
        transfer(memory, buffer, address, false);
        return buffer.array();
    }

    void write(long address, byte[] bytes) {
        transfer(memory, ByteBuffer.wrap(bytes), address, true);
    }

    /** The entry of a page; {@code Documentation/admin-guide/mm/pagemap.rst}. */
    long entry(long address) {
        ByteBuffer buffer = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        transfer(pagemap, buffer, address / 4096 * Long.BYTES, false);
        return buffer.getLong(0);
    }

    private static void transfer(
            FileChannel file, ByteBuffer buffer, long position, boolean write) {
        try {
            while (buffer.hasRemaining()) {
                long at = position + buffer.position();
                int moved = write ? file.write(buffer, at) : file.read(buffer, at);
                if (moved <= 0) {
                    throw new IOException("nothing at " + Long.toHexString(at));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "memory of an actor at " + Long.toHexString(position), e);
        }
    }

    @Override
    public void close() {
        try (memory;
                pagemap) {
            return;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
