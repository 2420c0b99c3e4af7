package dev.stillframe.agent.demo;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A process that is stopped by SIGSTOP until this is closed: the plain way to one instant. */
final class StoppedProcess implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final int pid;

    private StoppedProcess(int pid) {
        this.pid = pid;
    }

    static StoppedProcess stop(int pid) throws IOException {
        signal("-STOP", pid);
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!isStopped(pid)) {
            assertThat(System.nanoTime()).as("stopped in time").isLessThan(deadline);
            Thread.onSpinWait();
        }
        return new StoppedProcess(pid);
    }

    /** Reads memory of a process, stopped or not. */
    static void read(int pid, long address, MemorySegment into) throws IOException {
        try (FileChannel memory = FileChannel.open(Path.of("/proc/" + pid + "/mem"))) {
            ByteBuffer bytes = into.asByteBuffer();
            while (bytes.hasRemaining()) {
                if (memory.read(bytes, address + bytes.position()) < 0) {
                    throw new EOFException("no memory at " + Long.toHexString(address));
                }
            }
        }
    }

    @Override
    public void close() {
        try {
            signal("-CONT", pid);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean isStopped(int pid) throws IOException {
        try (DirectoryStream<Path> tasks =
                Files.newDirectoryStream(Path.of("/proc/" + pid + "/task"))) {
            for (Path task : tasks) {
                String stat = Files.readString(task.resolve("stat"));
                if (stat.charAt(stat.lastIndexOf(')') + 2) != 'T') {
                    return false;
                }
            }
            return true;
        }
    }

    private static void signal(String signal, int pid) throws IOException {
        Process kill =
                new ProcessBuilder("kill", signal, Integer.toString(pid)).inheritIO().start();
        try {
            assertThat(kill.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IOException("interrupted", e);
        }
        assertThat(kill.exitValue()).isZero();
    }
}
