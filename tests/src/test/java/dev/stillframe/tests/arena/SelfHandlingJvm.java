package dev.stillframe.tests.arena;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.stillframe.engine.linux.SharedMemory;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the engine refuses to be: a JVM that write-protects its own memory and handles the faults of
 * its own threads. It says {@code ready}, collects garbage while a thread waits for its page, and
 * would say {@code survived}.
 */
public final class SelfHandlingJvm {
    private static final int PAGE = 4096;
    private static final long UNTIL_THE_COLLECTION_HAS_BEGUN_NANOS = 300_000_000;

    private SelfHandlingJvm() {}

    /** No arguments. */
    public static void main(String[] arguments) throws Exception {
        try (SharedMemory memory = SharedMemory.create("self", PAGE);
                Userfaultfd userfaultfd = Userfaultfd.create();
                Arena arena = Arena.ofShared()) {
            MemorySegment page = memory.segment();
            page.set(JAVA_LONG, 0, 1);
            MemorySegment message = arena.allocate(Userfaultfd.MESSAGE_BYTES, 8);
            userfaultfd.enable();
            userfaultfd.register(new AddressRange(page.address(), page.address() + PAGE));
            long[] answers = {userfaultfd.protect(page.address(), PAGE)};
            Thread writer = Thread.ofPlatform().start(() -> page.set(JAVA_LONG, 0, 2));
            while (userfaultfd.read(message) == 0) {
                Thread.onSpinWait();
            }
            System.out.println("ready");
            System.out.flush();
            Thread collector = Thread.ofPlatform().start(System::gc);
            long until = System.nanoTime() + UNTIL_THE_COLLECTION_HAS_BEGUN_NANOS;
            while (System.nanoTime() < until) {
                Thread.onSpinWait(); // the handler is Java code too: here it is stopped, and the
                // writer never freed
            }
            answers[0] += userfaultfd.unprotect(page.address(), PAGE);
            writer.join();
            collector.join();
            System.out.println("survived " + answers[0]);
        }
    }
}
