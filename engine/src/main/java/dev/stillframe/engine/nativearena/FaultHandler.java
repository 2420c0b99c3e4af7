package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.process.TargetProcess;
import io.micrometer.core.instrument.Clock;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;

/**
 * The process that handles the faults of a native arena: a JVM of its own, because the process that
 * faults must never be the one that handles. Started by {@link HandlerProcess}; takes one request
 * after the other from standard input and answers on standard output as {@link PageStream} says. It
 * ends when its input does, so it never outlives the program.
 */
public final class FaultHandler {
    private static final Duration STOP_BUDGET = Duration.ofMillis(100);
    private static final int BUFFER_BYTES = 1 << 20;

    private final AddressRange arena;
    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final Clock clock = registry.config().clock();
    private final int pid;
    private final String name;
    private final DataInputStream requests;
    private final DataOutputStream answers;

    private FaultHandler(
            int pid,
            AddressRange arena,
            String name,
            DataInputStream requests,
            DataOutputStream answers) {
        this.pid = pid;
        this.arena = arena;
        this.name = name;
        this.requests = requests;
        this.answers = answers;
    }

    /**
     * Arguments: the program's pid, start and end of the arena in hexadecimal, and its name. Not
     * for people to start.
     */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        DataOutputStream answers =
                new DataOutputStream(
                        new BufferedOutputStream(
                                new FileOutputStream(FileDescriptor.out), BUFFER_BYTES));
        System.setOut(System.err); // logs must not mix with pages
        int pid = Integer.parseInt(arguments[0]);
        AddressRange arena =
                new AddressRange(
                        Long.parseUnsignedLong(arguments[1], 16),
                        Long.parseUnsignedLong(arguments[2], 16));
        DataInputStream requests =
                new DataInputStream(
                        new BufferedInputStream(new FileInputStream(FileDescriptor.in)));
        new FaultHandler(pid, arena, arguments[3], requests, answers).serve();
    }

    private void serve() throws IOException, InterruptedException {
        for (int request = requests.read(); request >= 0; request = requests.read()) {
            try {
                switch (request) {
                    case PageStream.TAKE -> take(options(requests.readLong(), requests.readLong()));
                    case PageStream.STOP -> copyWritten();
                    default -> throw new IllegalStateException("request " + request);
                }
            } catch (SnapshotException | TargetException e) {
                answers.writeByte(PageStream.FAILED);
                answers.writeUTF(String.valueOf(e.getMessage()));
            }
            answers.flush();
        }
    }

    /** The marks stay as they are: they say what belongs to the next snapshot. */
    private void copyWritten() throws IOException {
        try (TargetProcess target = TargetProcess.open(pid);
                Attachment hold = target.attach(Probe.NONE, clock);
                WrittenPages pages = new WrittenPages(target, arena)) {
            pages.copy(); // a dry run: its code has run then, and its memory is there
            hold.watch(exiting -> {}, lost -> {}); // the next request of the hold says it
            PipedGate gate = new PipedGate();
            gate.close();
            long stopping = hold.freeze(STOP_BUDGET).sinceNanos();
            Instant instant = Instant.ofEpochMilli(clock.wallTime());
            pages.copy();
            hold.thaw();
            long pauseNanos = clock.monotonicTime() - stopping;
            gate.open();
            answers.writeByte(PageStream.WRITTEN);
            answers.writeLong(Layout.epochNanos(instant));
            answers.writeLong(pauseNanos);
            pages.send(answers);
        }
    }

    private void take(SnapshotOptions options)
            throws IOException, SnapshotException, InterruptedException {
        Snapshot.warmUp(options);
        ArenaMemory target = new ArenaMemory(TargetProcess.open(pid), arena, name, new PipedGate());
        Snapshot snapshot = new Snapshot(options, registry, Progress.NONE);
        PageStream.putJson(
                answers, PageStream.REPORT, snapshot.take(target, new PipeSink(answers, requests)));
    }

    /** The gate is in the program. Used before the first page is sent, so the pipe is free. */
    private final class PipedGate implements ArenaMemory.Gate {
        @Override
        public void close() throws IOException {
            answers.writeByte(PageStream.CLOSE_GATE);
            answers.flush();
            if (requests.readByte() == 0) {
                throw new TargetException("writes that belong together did not end in time");
            }
        }

        @Override
        public void open() throws IOException {
            answers.writeByte(PageStream.OPEN_GATE);
            answers.flush();
        }
    }

    private static SnapshotOptions options(long stagingBytes, long stallMillis) {
        return SnapshotOptions.defaults(Runtime.getRuntime().availableProcessors())
                .withInstant(InstantChoice.START)
                .withStagingBytes(stagingBytes)
                .withStallTimeout(Duration.ofMillis(stallMillis));
    }
}
