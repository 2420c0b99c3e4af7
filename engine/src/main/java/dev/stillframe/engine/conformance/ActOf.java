package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.World.Range;
import java.util.List;

/** Makes an {@link Act} of a line. Stateless. */
final class ActOf {
    private ActOf() {}

    static Act step(World world, Step step, String thread) {
        Act.Kind kind = Act.Kind.valueOf(step.verb().name());
        List<String> operands = step.operands();
        String own = world.machine().processOf(thread);
        return switch (kind) {
            case FORK, SPAWN, VFORK -> Act.named(kind, own, 0, 0, world.text(operands.getFirst()));
            case EXEC, EXIT -> Act.on(kind, own, 0, 0);
            case PIPE_READ ->
                    Act.named(kind, own, 0, Integer.decode(operands.get(1)), operands.getFirst());
            case CLONE_CLEARTID -> {
                Range word = world.range(operands.get(1), own);
                yield Act.named(
                        kind, own, word.start(), Integer.BYTES, world.text(operands.getFirst()));
            }
            default -> onMemory(world, step, kind, own);
        };
    }

    private static Act onMemory(World world, Step step, Act.Kind kind, String own) {
        List<String> operands = step.operands();
        // What reaches into another process means the first one unless it says otherwise.
        boolean reaching =
                switch (kind) {
                    case VM_READ, VM_WRITE, MEM_READ, MEM_WRITE, PEEK, POKE -> true;
                    default -> false;
                };
        Range range = world.range(operands.getFirst(), reaching ? Machine.MAIN : own);
        long start = range.start();
        long bytes = range.bytes();
        return switch (kind) {
            case STORE, STORE8, READ, IO_READ, DIRECT_READ, VM_WRITE, MEM_WRITE, POKE ->
                    Act.with(kind, range.process(), start, bytes, Bytes.parse(operands.get(1)));
            case CAS ->
                    new Act(
                            kind,
                            range.process(),
                            start,
                            1,
                            Bytes.parse(operands.get(2)),
                            Bytes.parse(operands.get(1)),
                            "");
            case VMSPLICE, MADVISE ->
                    Act.named(kind, range.process(), start, bytes, operands.get(1));
            case MPROTECT ->
                    Act.with(kind, range.process(), start, bytes, protection(operands.get(1)));
            case MREMAP -> {
                String over = step.option("over", "");
                long target =
                        step.has("in-place")
                                ? Act.IN_PLACE
                                : over.isEmpty() ? 0 : world.range(over, own).start();
                long to =
                        step.has("to")
                                ? Long.decode(world.text(step.option("to", "")))
                                        * Machine.PAGE_BYTES
                                : bytes;
                String whole = world.text(operands.getFirst());
                String as = step.option("as", whole.equals(Place.of(whole).memory()) ? whole : "");
                yield new Act(kind, range.process(), start, bytes, target, to, world.text(as));
            }
            default -> Act.on(kind, range.process(), start, bytes);
        };
    }

    private static int protection(String word) {
        return switch (word) {
            case "none" -> 0;
            case "r" -> 1;
            default -> 3;
        };
    }
}
