package dev.stillframe.engine.process;

import dev.stillframe.engine.linux.Ptrace;
import dev.stillframe.engine.linux.SeccompFilter;
import java.io.IOException;
import java.util.function.Predicate;

/**
 * Whether a stopped thread may make a call: a seccomp filter that forbids it could kill its
 * process.
 */
final class SeccompCheck {
    private SeccompCheck() {}

    /**
     * Refuses a thread that may not.
     *
     * @param allows what every filter of the thread must do
     * @param calls their names, for the message
     */
    static void require(int tid, Predicate<SeccompFilter> allows, String calls) throws IOException {
        String mode = ProcessStatus.of(tid).text("Seccomp");
        if (mode.equals("1")) {
            throw new TargetException(
                    "the target is in strict seccomp mode: the call that a snapshot needs would kill it");
        }
        if (!mode.equals("2")) {
            return;
        }
        for (int index = 0; ; index++) {
            byte[] instructions = Ptrace.seccompFilter(tid, index);
            if (instructions.length == 0) {
                return;
            }
            if (!allows.test(new SeccompFilter(instructions))) {
                throw new TargetException(
                        "a seccomp filter of the target forbids "
                                + calls
                                + ": the call that a snapshot needs could kill it;"
                                + " allow these in its profile");
            }
        }
    }
}
