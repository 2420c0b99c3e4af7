package dev.stillframe.tests.target;

import java.util.concurrent.atomic.AtomicLong;

/**
 * A JVM that does little else than allocate, in two threads with a method and names that a debugger
 * must find.
 */
public final class AllocatingJvm {
    private static final int KEPT = 1 << 12;
    private static final AtomicLong ALLOCATED = new AtomicLong();

    private AllocatingJvm() {}

    /**
     * Prints a line when it is warm, then the count of allocations whenever a line comes in; ends
     * with its input.
     */
    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i < 2; i++) {
            Thread.ofPlatform()
                    .daemon()
                    .name("allocator-" + i)
                    .start(AllocatingJvm::allocateForever);
        }
        while (ALLOCATED.get() < 100_000) {
            Thread.onSpinWait();
        }
        System.out.println("ready");
        while (System.in.read() >= 0) {
            System.out.println("allocated=" + ALLOCATED.get());
        }
    }

    private static void allocateForever() {
        byte[][] kept = new byte[KEPT][];
        for (int i = 0; ; i++) {
            byte[] block = new byte[256 + i % 4096];
            block[block.length - 1] = (byte) i;
            byte[] old = kept[i % KEPT];
            if (old != null && old[old.length - 1] != (byte) (i - KEPT)) {
                System.out.println("FAIL an object changed");
                Runtime.getRuntime().halt(1);
            }
            kept[i % KEPT] = block;
            ALLOCATED.incrementAndGet();
        }
    }
}
