package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.capture.SnapshotReport;
import dev.stillframe.engine.instant.Ending;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.RootHash;
import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.PageSink;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.StampedLock;

/**
 * A {@link FaultHandler} in a process of its own, as the arena's process sees it. It takes any
 * number of snapshots, one at a time; after a failure it is closed, and another is started for the
 * next. Owned by one thread at a time.
 *
 * <p>A killed handler harms nobody: the kernel lets all writers go, and the snapshot fails.
 */
final class HandlerProcess implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;
    private static final Duration END_LIMIT = Duration.ofSeconds(10);
    private static final long GATE_SECONDS = 5;
    private static final long LOOK_NANOS = 100_000_000;

    private static final Patience PATIENCE =
            new Patience(Duration.ofMinutes(1), Duration.ofSeconds(10));

    private final Process process;
    private final Patience patience;
    private final Clock clock;
    private final DataInputStream answers;
    private final DataOutputStream requests;

    /**
     * How long the handler may say nothing.
     *
     * @param silence beside the sink's own patience: the start of a JVM, its dry run, and touching
     *     its staging
     * @param gate while writes that belong together wait for it
     */
    record Patience(Duration silence, Duration gate) {}

    /** {@code process} talks as {@link PageStream} says; it is ended by {@link #close}. */
    HandlerProcess(Process process, Patience patience, Clock clock) {
        this.process = process;
        this.patience = patience;
        this.clock = clock;
        this.answers =
                new DataInputStream(
                        new BufferedInputStream(process.getInputStream(), BUFFER_BYTES));
        this.requests = new DataOutputStream(process.getOutputStream());
    }

    /** Starts one for a range of this process's memory. */
    static HandlerProcess start(AddressRange arena, String name, Clock clock) throws IOException {
        Process process =
                new ProcessBuilder(
                                List.of(
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString(),
                                        "--enable-native-access=ALL-UNNAMED",
                                        "-Xmx256m",
                                        "-XX:+UseSerialGC",
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        FaultHandler.class.getName(),
                                        Long.toString(ProcessHandle.current().pid()),
                                        Long.toHexString(arena.start()),
                                        Long.toHexString(arena.end()),
                                        name))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        HandlerProcess handler = new HandlerProcess(process, PATIENCE, clock);
        try {
            Ptrace.allowTracer(process.pid());
        } catch (IOException | RuntimeException | Error e) {
            handler.close();
            throw e;
        }
        return handler;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Its process id. */
    long pid() {
        return process.pid();
    }

    /**
     * Takes a snapshot into {@code sink} and closes the sink.
     *
     * @param stagingBytes what the handler may hold in memory
     * @param gate what writes that belong together hold for reading
     * @throws IOException if it came to nothing; close this then
     */
    SnapshotReport take(PageSink sink, long stagingBytes, Duration stallTimeout, StampedLock gate)
            throws IOException {
        try (PipedBatches batches = new PipedBatches(stallTimeout);
                Watchdog watchdog = new Watchdog(stallTimeout.plus(patience.silence()))) {
            try (sink) { // before the batches, of which it may still hold some
                requests.writeByte(PageStream.TAKE);
                requests.writeLong(stagingBytes);
                requests.writeLong(stallTimeout.toMillis());
                requests.flush();
                return receive(sink, batches, watchdog, gate);
            } catch (IOException | RuntimeException | Error e) {
                sink.abort(String.valueOf(e.getMessage()));
                throw e;
            }
        } catch (EOFException e) {
            throw ended(e);
        }
    }

    private SnapshotReport receive(
            PageSink sink, PipedBatches batches, Watchdog watchdog, StampedLock gate)
            throws IOException {
        try (HeldGate held = new HeldGate(gate, watchdog)) {
            while (true) {
                int part = nextPart(watchdog, held);
                switch (part) {
                    case PageStream.LAYOUT -> sink.begin(PageStream.json(answers, Layout.class));
                    case PageStream.BATCH -> sink.accept(batches.next(answers));
                    case PageStream.ENDING -> finish(sink);
                    case PageStream.REPORT -> {
                        return PageStream.json(answers, SnapshotReport.class);
                    }
                    default -> throw unexpected(part);
                }
            }
        }
    }

    /** What the handler says next; the gate is closed and opened as it says. */
    private int nextPart(Watchdog watchdog, HeldGate held) throws IOException {
        while (true) {
            int part = answers.readByte();
            watchdog.heard();
            switch (part) {
                case PageStream.CLOSE_GATE -> held.closeGate();
                case PageStream.OPEN_GATE -> held.openGate();
                case PageStream.FAILED -> throw new IOException(answers.readUTF());
                default -> {
                    return part;
                }
            }
        }
    }

    private static IllegalStateException unexpected(int part) {
        return new IllegalStateException("part " + part + " from the handler");
    }

    /**
     * Stops the threads for the instant and copies all that is marked as written then.
     *
     * @param gate what writes that belong together hold for reading
     * @param written is told which pages those were
     * @throws IOException if it came to nothing; close this then
     */
    ChangesSnapshot.Stopped copyWritten(StampedLock gate, CopiedPages copies, BitSet written)
            throws IOException {
        try (Watchdog watchdog = new Watchdog(patience.silence());
                HeldGate held = new HeldGate(gate, watchdog)) {
            requests.writeByte(PageStream.STOP);
            requests.flush();
            int part = nextPart(watchdog, held);
            if (part != PageStream.WRITTEN) {
                throw unexpected(part);
            }
            ChangesSnapshot.Stopped stopped =
                    new ChangesSnapshot.Stopped(answers.readLong(), answers.readLong());
            readWritten(copies, written);
            return stopped;
        } catch (EOFException e) {
            throw ended(e);
        }
    }

    private void readWritten(CopiedPages copies, BitSet written) throws IOException {
        int runs = answers.readInt();
        for (int run = 0; run < runs; run++) {
            int first = answers.readInt();
            written.set(first, first + answers.readInt());
        }
        byte[] bytes = new byte[PageHistory.PAGE_BYTES];
        for (int page = written.nextSetBit(0);
                page >= 0;
                page = written.nextSetBit(page + 1)) { // runs are in order
            answers.readFully(bytes);
            copies.put(page, bytes);
        }
    }

    /** The gate, closed for the handler; opened by {@link #close} at the latest. */
    private final class HeldGate implements AutoCloseable {
        private final StampedLock gate;
        private final Watchdog watchdog;
        private long stamp;

        HeldGate(StampedLock gate, Watchdog watchdog) {
            this.gate = gate;
            this.watchdog = watchdog;
        }

        /** And tells the handler, which is to be quick from here on. */
        void closeGate() throws IOException {
            stamp = tryClose(gate);
            watchdog.expect(patience.gate());
            requests.writeByte(stamp == 0 ? 0 : 1);
            requests.flush();
        }

        void openGate() {
            if (stamp != 0) {
                gate.unlockWrite(stamp);
                stamp = 0;
                watchdog.expect(watchdog.usual);
            }
        }

        @Override
        public void close() {
            openGate();
        }
    }

    private static long tryClose(StampedLock gate) throws IOException {
        try {
            return gate.tryWriteLock(GATE_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException) new InterruptedIOException("interrupted").initCause(e);
        }
    }

    private void finish(PageSink sink) throws IOException {
        List<Missing> missing = PageStream.json(answers, PageStream.Listed.class).missing();
        byte[] rootHash = answers.readNBytes(RootHash.BYTES);
        requests.writeUTF(sink.finish(new Ending(missing, rootHash)));
        requests.flush();
    }

    /**
     * Kills the handler when it says nothing for too long, or the caller is interrupted: reading a
     * pipe has no deadline.
     */
    private final class Watchdog implements AutoCloseable {
        private final Thread caller = Thread.currentThread();
        private final Duration usual;
        private volatile Duration limit;
        private volatile Deadline silence;
        private volatile boolean over;
        private final Thread thread = Role.ARENA_WATCHDOG.unstarted(this::watch);

        Watchdog(Duration usual) {
            this.usual = usual;
            limit = usual;
            silence = Deadline.in(clock, usual);
            thread.start();
        }

        /** From now on it may say nothing for so long. */
        void expect(Duration next) {
            limit = next;
            heard();
        }

        void heard() {
            silence = Deadline.in(clock, limit);
        }

        private void watch() {
            while (!over) {
                if (caller.isInterrupted() || silence.hasPassed()) {
                    process.destroyForcibly();
                    return;
                }
                LockSupport.parkNanos(LOOK_NANOS);
            }
        }

        @Override
        public void close() {
            over = true;
            LockSupport.unpark(thread);
        }
    }

    private IOException ended(EOFException cause) {
        return new IOException(
                "the process that handles the arena's faults ended" + exitCode(), cause);
    }

    private String exitCode() {
        try {
            return process.waitFor(END_LIMIT) ? " with code " + process.exitValue() : "";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "";
        }
    }

    /**
     * Ends the process; whatever it had protected is free then.
     *
     * @throws IllegalStateException if it is still there after seconds: the kernel cannot end it
     */
    @Override
    public void close() {
        process.destroyForcibly();
        Deadline deadline = Deadline.in(clock, END_LIMIT);
        boolean interrupted = false;
        while (process.isAlive()) {
            long left = deadline.leftNanos();
            if (left <= 0) {
                throw new IllegalStateException(
                        "process %d, which handles the arena's faults, did not end within %d s of being killed"
                                .formatted(process.pid(), END_LIMIT.toSeconds()));
            }
            try {
                process.waitFor(left, TimeUnit.NANOSECONDS);
            } catch (InterruptedException e) {
                interrupted = true; // its end takes milliseconds after a SIGKILL
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
