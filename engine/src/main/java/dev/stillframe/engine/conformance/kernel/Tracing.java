package dev.stillframe.engine.conformance.kernel;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Reply;
import java.util.Arrays;

/**
 * One word by ptrace(2): attach, stop, peek or poke, detach. The tracee's first thread is stopped
 * meanwhile. Stateless.
 */
final class Tracing {
    private static final int PEEKDATA = 2;
    private static final int POKEDATA = 5;
    private static final int DETACH = 17;
    private static final int SEIZE = 0x4206;
    private static final int INTERRUPT = 0x4207;
    private static final int WALL = 0x40000000;
    private static final long SAME_BYTE = 0x0101010101010101L;

    void begin(Actor actor, Act act, ActorProcess target) {
        int tracee = target.pid();
        require(actor.call(Call.PTRACE, SEIZE, tracee, 0, 0), "PTRACE_SEIZE");
        require(actor.call(Call.PTRACE, INTERRUPT, tracee, 0, 0), "PTRACE_INTERRUPT");
        require(actor.call(Call.WAIT4, tracee, 0, WALL, 0), "wait4");
        long word = actor.bulk(Long.BYTES);
        boolean poke = act.kind() == Act.Kind.POKE;
        long result =
                actor.call(
                        Call.PTRACE,
                        poke ? POKEDATA : PEEKDATA,
                        tracee,
                        act.address(),
                        poke ? act.value() * SAME_BYTE : word);
        byte[] data =
                poke || result < 0 ? new byte[0] : actor.process().memory().read(word, Long.BYTES);
        actor.begin(
                "detach",
                detached ->
                        new Reply.Done(
                                result < 0 ? result : detached, Arrays.copyOf(data, data.length)),
                Channel.Operation.CALL,
                Actor.withNumber(Call.PTRACE, DETACH, tracee, 0, 0));
    }

    private static void require(long result, String what) {
        if (result < 0) {
            throw new IllegalStateException(what + ": errno " + -result);
        }
    }
}
