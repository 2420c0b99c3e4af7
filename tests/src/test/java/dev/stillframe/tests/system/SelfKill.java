package dev.stillframe.tests.system;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** {@code kill -9} of this very process, between two instructions and without a word. Stateless. */
public final class SelfKill {
    private static final int SIGKILL = 9;
    private static final MethodHandle KILL = link();

    private SelfKill() {}

    /** Does it. */
    public static void now() {
        try {
            int result = (int) KILL.invokeExact((int) ProcessHandle.current().pid(), SIGKILL);
            throw new AssertionError("survived kill(2): " + result);
        } catch (Throwable t) {
            throw new AssertionError("kill(2)", t);
        }
    }

    @SuppressWarnings("restricted")
    private static MethodHandle link() {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("kill"),
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    }
}
