package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.Machine.Hang;
import dev.stillframe.engine.conformance.Machine.Unsupported;
import dev.stillframe.engine.conformance.World.Range;
import java.io.UncheckedIOException;
import java.util.List;

/** One run of a scenario on a machine that is its alone. One use; owned by one thread. */
final class ScenarioRun {
    private final Scenario scenario;
    private final Backend backend;
    private final World world;
    private final HolderSteps holders;
    private final Checks checks;
    private Step current;

    ScenarioRun(Scenario scenario, Backend backend, Machine machine) {
        this.scenario = scenario;
        this.backend = backend;
        this.world = new World(machine);
        this.holders = new HolderSteps(world);
        this.checks = new Checks(world, holders);
        this.current = scenario.steps().getFirst();
    }

    Verdict run() {
        try {
            run(scenario.steps());
            world.checkEnd();
            return new Verdict.Passed();
        } catch (Unsupported e) {
            return new Verdict.NotRun(String.valueOf(e.getMessage()));
        } catch (Mismatch | Hang e) {
            return failed(String.valueOf(e.getMessage()));
        } catch (IllegalArgumentException | IllegalStateException | UncheckedIOException e) {
            return failed(
                    "cannot be done: "
                            + e.getMessage()); // a line that makes no sense where it stands
        }
    }

    private Verdict failed(String why) {
        return new Verdict.Failed(current.line(), current.text(), why);
    }

    private void run(List<Step> steps) {
        for (Step step : steps) {
            if (step.isFor(backend)) {
                current = step;
                run(step);
            }
        }
    }

    private void run(Step step) {
        if (step.verb().doer() == Verb.Doer.THREAD) {
            act(step);
            return;
        }
        switch (step.verb()) {
            case MEMORY, PROCESS, THREAD, FILL, FILE_WRITE, PUNCH_HOLE, TRUNCATE -> prepare(step);
            case KILL, STOP, CONT, SIGNAL, HALT -> disturb(step);
            case HANDLER -> world.unprotecting(step.operands().getFirst().equals("unprotect"));
            case COLLECT_GARBAGE -> System.gc();
            case REPEAT -> repeat(step);
            case EVICTION -> Eviction.of(world, step).run();
            case REMEMBER -> checks.run(step);
            default -> {
                if (step.verb().word().startsWith("expect")) {
                    checks.run(step);
                } else {
                    holders.run(step);
                }
            }
        }
    }

    private void prepare(Step step) {
        List<String> operands = step.operands();
        String name = world.text(operands.getFirst());
        switch (step.verb()) {
            case MEMORY -> {
                Memory.Kind kind = Operand.constant(Memory.Kind.class, operands.get(1));
                boolean anonymous =
                        switch (kind) {
                            case ANON, THP, HUGETLB, MERGEABLE -> true;
                            case MEMFD, PRIVATE_MEMFD, EXT4, PRIVATE_EXT4 -> false;
                        };
                String object = anonymous ? "" : step.option("of", name);
                Memory memory = new Memory(kind, Integer.parseInt(operands.get(2)), object);
                world.map(name, memory, step.option("in", Machine.MAIN));
            }
            case PROCESS -> world.process(name);
            case THREAD -> world.thread(name, step.option("in", Machine.MAIN));
            case FILL -> {
                Range range = world.range(name);
                byte value = Bytes.parse(operands.get(1));
                world.machine().fill(range.process(), range.start(), range.bytes(), value);
                Memory memory = world.memory(Place.of(name).memory()).memory();
                if (range.process().equals(Machine.MAIN) && memory.object().isEmpty()) {
                    world.shadow().fill(range.start(), range.bytes(), value);
                }
            }
            case FILE_WRITE, PUNCH_HOLE -> {
                World.Mapped mapped = world.memory(Place.of(name).memory());
                Range range = world.range(name);
                long offset = range.start() - mapped.start();
                String object = mapped.memory().object();
                if (step.verb() == Verb.FILE_WRITE) {
                    world.machine()
                            .changeFile(
                                    object, offset, range.bytes(), Bytes.parse(operands.get(1)));
                } else {
                    world.machine().punchHole(object, offset, range.bytes());
                }
            }
            case TRUNCATE -> {
                String object = world.memory(name).memory().object();
                long pages = Long.decode(world.text(operands.get(1)));
                world.machine().truncate(object, pages * Machine.PAGE_BYTES);
            }
            default -> throw new IllegalArgumentException(step.verb().word());
        }
    }

    private void disturb(Step step) {
        String name = world.text(step.operands().getFirst());
        Machine machine = world.machine();
        switch (step.verb()) {
            case KILL -> {
                machine.kill(name);
                world.died(name);
            }
            case STOP -> machine.stop(name, true);
            case CONT -> machine.stop(name, false);
            case SIGNAL -> machine.signal(name);
            case HALT -> machine.halt(name);
            default -> throw new IllegalArgumentException(step.verb().word());
        }
    }

    private void repeat(Step step) {
        int turns = Integer.decode(step.operands().getFirst());
        for (int turn = 0; turn < turns; turn++) {
            world.turn(turn);
            run(step.body());
        }
    }

    private void act(Step step) {
        String thread = world.text(step.doer());
        world.thread(thread, Machine.MAIN);
        Reply reply = world.start(thread, ActOf.step(world, step, thread));
        Outcome outcome =
                Outcome.of(
                        step.verb() == Verb.EXIT && step.outcome().isEmpty()
                                ? "gone"
                                : step.outcome());
        Mismatch.unless(
                outcome.accepts(reply),
                "expected %s, but %s: %s",
                outcome,
                thread,
                Outcome.describe(reply));
        if (reply instanceof Reply.Gone && world.machine().processOf(thread).equals(thread)) {
            world.died(thread);
        }
    }
}
