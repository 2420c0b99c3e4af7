package dev.stillframe.engine.conformance.kernel;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** A process of actors, and the descriptors it has. Owned by the machine's thread. */
final class ActorProcess implements AutoCloseable {
    private static final int SIGUSR1 = 10;
    private static final int SIGSEGV = 11;
    private static final int SIGBUS = 7;
    private static final int SIGCHLD = 17;
    private static final long SA_SIGINFO_NODEFER = 0x4000_0004L;
    private static final long SA_RESTORER_RESTART = 0x1400_0000L;
    private static final int O_CLOEXEC = 0x80000;

    private final String name;
    private final int pid;
    private RemoteMemory memory;
    private int generation;
    private final Map<String, Integer> descriptors = new HashMap<>();

    ActorProcess(String name, int pid) {
        this.name = name;
        this.pid = pid;
        this.memory = memoryOf(pid);
    }

    private static RemoteMemory memoryOf(int pid) {
        try {
            return new RemoteMemory(pid);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** How many programs it has run before this. */
    int generation() {
        return generation;
    }

    /** It runs another program: its memory is new, and what it had open is forgotten. */
    void executed() {
        memory.close();
        memory = memoryOf(pid);
        generation++;
        descriptors.clear();
    }

    String name() {
        return name;
    }

    int pid() {
        return pid;
    }

    RemoteMemory memory() {
        return memory;
    }

    /** Open files by the names that scenarios and acts give them. */
    Map<String, Integer> descriptors() {
        return descriptors;
    }

    /** Signals of faults become answers, SIGUSR1 is counted, children are not waited for. */
    static void handleSignals(Actor actor, ActorProgram program) {
        handler(actor, SIGSEGV, program.address("fault"), program);
        handler(actor, SIGBUS, program.address("fault"), program);
        handler(actor, SIGUSR1, program.address("signal"), program);
        handler(actor, SIGCHLD, 1, program); // SIG_IGN
    }

    private static void handler(Actor actor, int signal, long handler, ActorProgram program) {
        ByteBuffer action = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
        action.putLong(handler)
                .putLong(SA_SIGINFO_NODEFER | SA_RESTORER_RESTART)
                .putLong(program.address("return"));
        actor.call(Call.RT_SIGACTION, signal, actor.structure(action.array()), 0, 8);
    }

    /** Ends of the two pipes of a new thread, as numbers of the process and as streams here. */
    record Pipes(int commandsEnd, int answersEnd, Channel channel) {}

    /**
     * Makes the pipes of a new thread; {@code maker} must be idle. The ends here are nobody else's,
     * so that all actors end with this JVM, however it ends.
     */
    static Pipes pipes(Actor maker) throws IOException {
        int[] commands = pipe(maker);
        int[] answers = pipe(maker);
        String directory = "/proc/" + maker.process().pid() + "/fd/";
        Channel channel =
                new Channel(
                        new FileOutputStream(directory + commands[1]),
                        new FileInputStream(directory + answers[0]));
        maker.call(Call.CLOSE, commands[1]);
        maker.call(Call.CLOSE, answers[0]);
        return new Pipes(commands[0], answers[1], channel);
    }

    /** pipe2(2): the end to read and the end to write. */
    static int[] pipe(Actor maker) throws IOException {
        long at = maker.structure(new byte[8]);
        long result = maker.call(Call.PIPE2, at, O_CLOEXEC);
        if (result != 0) {
            throw new IOException("pipe2: " + result);
        }
        ByteBuffer numbers =
                ByteBuffer.wrap(maker.process().memory().read(at, 8))
                        .order(ByteOrder.LITTLE_ENDIAN);
        return new int[] {numbers.getInt(), numbers.getInt()};
    }

    /** Whether all of its threads have ended. */
    boolean hasEnded() {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + pid + "/task"))) {
            List<Path> all = tasks.toList();
            return all.stream()
                    .allMatch(
                            task ->
                                    TaskState.of(
                                                    pid,
                                                    Integer.parseInt(task.getFileName().toString()))
                                            .isGone());
        } catch (IOException | UncheckedIOException _) {
            return true;
        }
    }

    void kill() {
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    }

    @Override
    public void close() {
        memory.close();
    }
}
