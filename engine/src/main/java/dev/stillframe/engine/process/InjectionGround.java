package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.ProcessMemory;
import java.io.IOException;

/**
 * What an injected call stands on in the target.
 *
 * @param memory of the target
 * @param stackSpace where it may put signal frames
 * @param gadgets the code that it runs on
 */
record InjectionGround(ProcessMemory memory, StackSpace stackSpace, Gadgets gadgets) {
    static final int RED_ZONE_BYTES = 128;

    /**
     * Where in the target there is room for {@code bytes} that nobody uses, given a stopped
     * thread's stack pointer.
     */
    @FunctionalInterface
    interface StackSpace {
        long find(long stackPointer, int bytes) throws IOException;
    }

    /** Room for {@code bytes} below the red zone of a stopped thread. */
    long room(Registers registers, int bytes) throws IOException {
        return stackSpace.find(registers.stackPointer() - RED_ZONE_BYTES, bytes);
    }
}
