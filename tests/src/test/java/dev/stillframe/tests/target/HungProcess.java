package dev.stillframe.tests.target;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What can be learned of a JVM that has not ended in time, and its end. Stateless. */
public final class HungProcess {
    private static final int SECONDS_TO_ANSWER = 2;
    private static final List<String> FACTS = List.of("comm", "wchan", "syscall", "stack");

    private HungProcess() {}

    /**
     * Where every thread of it and of its children is in the kernel: that is to be had of a JVM
     * that no longer answers too. One that does answer adds a thread dump to its standard output.
     */
    public static String describe(Process jvm) throws IOException, InterruptedException {
        Signals.send("QUIT", Math.toIntExact(jvm.pid()));
        jvm.waitFor(
                SECONDS_TO_ANSWER,
                TimeUnit.SECONDS); // it goes on after a dump: this is the time for one
        StringBuilder text = new StringBuilder();
        for (ProcessHandle process :
                Stream.concat(Stream.of(jvm.toHandle()), jvm.descendants()).toList()) {
            text.append("process ").append(process.pid()).append('\n');
            for (Path thread : threads(process.pid())) {
                text.append(thread.getFileName());
                for (String fact : FACTS) {
                    text.append(' ').append(read(thread.resolve(fact)).replace('\n', ' '));
                }
                text.append('\n');
            }
        }
        return text.toString();
    }

    private static List<Path> threads(long pid) throws IOException {
        try (Stream<Path> threads = Files.list(Path.of("/proc", Long.toString(pid), "task"))) {
            return threads.toList();
        }
    }

    /** Threads end, and not everybody may see the kernel's stack. */
    private static String read(Path fact) {
        try {
            return Files.readString(fact, UTF_8).strip();
        } catch (IOException e) {
            return "(" + e + ")";
        }
    }

    /** With its children, of which a fault handler may not see the end of its input. */
    public static void kill(Process jvm) {
        List<ProcessHandle> all = new ArrayList<>(jvm.descendants().toList());
        all.add(jvm.toHandle());
        all.forEach(ProcessHandle::destroyForcibly);
    }
}
