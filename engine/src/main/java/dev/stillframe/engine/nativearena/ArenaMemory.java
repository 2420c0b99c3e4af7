package dev.stillframe.engine.nativearena;

import dev.stillframe.engine.instant.Source;
import dev.stillframe.engine.instant.ThreadState;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.process.Attachment;
import dev.stillframe.engine.process.FrozenThread;
import dev.stillframe.engine.process.Target;
import dev.stillframe.engine.process.Windows;
import dev.stillframe.engine.tracking.WriteMarks;
import dev.stillframe.engine.tracking.WriteTracker;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/**
 * A native arena in the process that it belongs to: only this mapping, at addresses from 0 on, and
 * no registers, because an arena is memory, not a program. The threads are stopped for the instant
 * all the same.
 */
final class ArenaMemory extends Windows {
    private final String name;
    private final Gate gate;

    /** Keeps writes that belong together from being under way when the threads are stopped. */
    interface Gate {
        /** Returns when none is under way; none begins before {@link #open}. */
        void close() throws IOException;

        /** Lets them go on. */
        void open() throws IOException;
    }

    /**
     * Of {@code process}, which is closed with this.
     *
     * @param range where the arena really is
     * @param name what the arena is called
     * @param gate closed while the threads are being stopped
     */
    ArenaMemory(Target process, AddressRange range, String name, Gate gate) {
        super(process, List.of(new Window(new AddressRange(0, range.sizeBytes()), range.start())));
        this.name = name;
        this.gate = gate;
    }

    /**
     * What the process registers elsewhere is not in our way, nor are we in its: only the arena is
     * registered.
     */
    @Override
    public void refuseOwnUserfaultfd() {}

    @Override
    protected Attachment hold(Attachment process) {
        return new Gated(process, gate);
    }

    @Override
    public Source source() throws IOException {
        Source real = process().source();
        return new Source(
                real.pid(),
                real.parentPid(),
                real.groupId(),
                real.sessionId(),
                real.userId(),
                real.userGroupId(),
                "arena " + name,
                List.of(),
                real.executable(),
                real.host(),
                real.machine(),
                real.kernel());
    }

    private static final class Gated implements Attachment {
        private final Attachment process;
        private final Gate gate;
        private boolean closed;

        Gated(Attachment process, Gate gate) {
            this.process = process;
            this.gate = gate;
        }

        @Override
        public WriteTracker tracker() throws IOException {
            return process.tracker();
        }

        @Override
        public WriteMarks marks() throws IOException {
            return process.marks();
        }

        @Override
        public void watch(ExitListener listener, Consumer<Throwable> lost) throws IOException {
            process.watch(
                    exiting -> {},
                    lost); // an exit writes to the thread's stack and control block, never to the
            // arena
        }

        /** Of the threads only the numbers: what they have in memory is elsewhere. */
        @Override
        public Standing freeze(Duration budget) throws IOException {
            closed = true;
            gate.close();
            Standing standing = process.freeze(budget);
            return new Standing(
                    standing.threads().stream()
                            .map(t -> new FrozenThread(t.tid(), 0, 0, 0, 0))
                            .toList(),
                    standing.sinceNanos());
        }

        @Override
        public List<ThreadState> states() {
            return List.of();
        }

        @Override
        public void thaw() throws IOException {
            try {
                process.thaw();
            } finally {
                openGate();
            }
        }

        private void openGate() throws IOException {
            if (closed) {
                closed = false;
                gate.open();
            }
        }

        /** Opens the gate too if the freeze came to nothing. */
        @Override
        public void close() {
            try {
                process.close();
            } finally {
                openGateAtLast();
            }
        }

        private void openGateAtLast() {
            try {
                openGate();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
