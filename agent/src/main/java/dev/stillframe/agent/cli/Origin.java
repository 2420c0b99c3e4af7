package dev.stillframe.agent.cli;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.instant.Source;

/** What an image says of where it comes from: nobody has signed it. Stateless. */
final class Origin {
    private Origin() {}

    /** In one line: what it is of, whose it was, where. */
    static String of(Layout layout) {
        Source source = layout.source();
        MachineState machine = layout.machine();
        String program = machine == null ? source.executable() : machine.hypervisor();
        return "of process %d (%s) of user %d on %s, %s"
                .formatted(source.pid(), source.command(), source.userId(), source.host(), program);
    }
}
