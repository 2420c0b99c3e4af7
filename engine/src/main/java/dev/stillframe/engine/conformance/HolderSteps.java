package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.World.Range;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What the holder of a userfaultfd does. Owned by one run. */
final class HolderSteps {
    private static final long API = 0xaa;

    private final World world;
    private final Map<Long, byte[]> collected = new HashMap<>();

    HolderSteps(World world) {
        this.world = world;
    }

    void run(Step step) {
        switch (step.verb()) {
            case USERFAULTFD, OPEN -> open(step);
            case API -> expect(step, api(step, step.operands().getFirst()));
            case REGISTER,
                    UNREGISTER,
                    PROTECT,
                    UNPROTECT,
                    WAKE,
                    WRITEPROTECT,
                    WRITEPROTECT_NULL,
                    COPY,
                    ZEROPAGE,
                    POISON,
                    CONTINUE,
                    MOVE ->
                    control(step);
            case CLOSE, DUP, TAKE -> descriptor(step);
            case POLL -> {
                String said = world.machine().poll(doer(step, named(step)), named(step));
                Mismatch.unless(outcome(step).accepts(said), "poll says %s", said);
            }
            case READ_BYTES ->
                    expect(
                            step,
                            world.machine()
                                    .readBytes(
                                            doer(step, named(step)), named(step), number(step, 1)));
            case FETCH -> {
                List<String> wanted =
                        step.has("as") ? List.of(world.text(step.option("as", ""))) : List.of();
                world.fetch(
                        named(step), doer(step, named(step)), number(step, 1), world.names(wanted));
            }
            case SCAN -> scan(step);
            case COLLECT -> collect(step);
            default -> throw new IllegalArgumentException(step.verb().word());
        }
    }

    private String named(Step step) {
        return world.text(step.operands().getFirst());
    }

    private int number(Step step, int operand) {
        return Integer.decode(world.text(step.operands().get(operand)));
    }

    private static Outcome outcome(Step step) {
        return Outcome.of(step.outcome());
    }

    private static void expect(Step step, long result) {
        Outcome outcome = outcome(step);
        Mismatch.unless(
                outcome.accepts(result),
                "expected %s, but the answer is %s",
                outcome,
                Outcome.describe(Reply.Done.of(result)));
    }

    private String doer(Step step, String userfaultfd) {
        return step.doer().isEmpty() ? world.holder(userfaultfd) : world.text(step.doer());
    }

    private void open(Step step) {
        String name = named(step);
        String process = step.doer().isEmpty() ? Machine.MAIN : step.doer();
        boolean blocking = step.has("blocking");
        long result = world.machine().open(process, name, step.has("user-mode-only"), blocking);
        if (result == 0) {
            world.opened(name, process, !blocking);
            if (step.verb() == Verb.USERFAULTFD) {
                result = api(step, name);
            }
        }
        expect(step, result);
    }

    private long api(Step step, String name) {
        long version = Long.decode(step.option("version", Long.toString(API)));
        long features =
                step.rest().stream()
                        .mapToLong(word -> Operand.constant(Feature.class, word).mask())
                        .sum();
        return world.machine().control(doer(step, name), name, new Control.Api(version, features));
    }

    private void control(Step step) {
        String name = step.option("by", world.firstUserfaultfd());
        Control control = control(step.verb(), step);
        long result = world.machine().control(doer(step, name), name, control);
        if (result == 0) {
            applied(control);
        }
        expect(step, result);
    }

    private Control control(Verb verb, Step step) {
        if (verb == Verb.WRITEPROTECT) {
            return new Control.WriteProtect(
                    start(step.operands().getFirst()), number(step, 1), number(step, 2));
        }
        if (verb == Verb.WRITEPROTECT_NULL) {
            return new Control.NullArgument();
        }
        Range range = world.range(step.operands().getFirst());
        long start = range.start();
        long bytes = range.bytes();
        int dontwake = step.has("dontwake") ? 1 : 0;
        int wp = step.has("wp") ? 2 : 0;
        return switch (verb) {
            case REGISTER -> new Control.Register(start, bytes, modes(step.operands().get(1)));
            case UNREGISTER -> new Control.Unregister(start, bytes);
            case PROTECT -> new Control.WriteProtect(start, bytes, 1);
            case UNPROTECT -> new Control.WriteProtect(start, bytes, dontwake * 2);
            case WAKE -> new Control.Wake(start, bytes);
            case COPY ->
                    new Control.Copy(
                            start,
                            Bytes.filled(bytes, Bytes.parse(step.operands().get(1))),
                            wp | dontwake);
            case ZEROPAGE -> new Control.ZeroPage(start, bytes);
            case POISON -> new Control.Poison(start, bytes);
            case CONTINUE -> new Control.Continue(start, bytes, wp);
            case MOVE -> new Control.Move(start, start(step.option("from", "")), bytes);
            default -> throw new IllegalArgumentException(verb.word());
        };
    }

    private long start(String text) {
        return text.matches("0x[0-9a-f]+|\\d+") ? Long.decode(text) : world.range(text).start();
    }

    private static int modes(String text) {
        if (text.equals("none") || text.startsWith("0x")) {
            return text.equals("none") ? 0 : Integer.decode(text);
        }
        return Arrays.stream(text.split("\\|"))
                .mapToInt(word -> word.equals("missing") ? 1 : word.equals("wp") ? 2 : 4)
                .sum();
    }

    /** Memory that a call of the holder has changed. */
    private void applied(Control control) {
        Shadow shadow = world.shadow();
        switch (control) {
            case Control.Copy(long start, byte[] data, _) ->
                    shadow.fill(start, data.length, data[0]);
            case Control.ZeroPage(long start, long bytes) -> shadow.fill(start, bytes, (byte) 0);
            case Control.Poison(long start, long bytes) -> shadow.forget(start, bytes);
            case Control.Move(long start, long source, long bytes) -> {
                shadow.forget(start, bytes);
                shadow.forget(source, bytes);
            }
            default -> {
                // The others do not change content.
            }
        }
    }

    private void descriptor(Step step) {
        String name = named(step);
        Machine machine = world.machine();
        switch (step.verb()) {
            case CLOSE -> {
                machine.close(doer(step, name), name);
                if (step.doer().isEmpty() || step.doer().equals(world.holder(name))) {
                    world.closed(name);
                }
            }
            case DUP -> {
                String as = step.option("as", name + "2");
                machine.duplicate(doer(step, name), name, as);
                world.opened(as, doer(step, name), true);
            }
            case TAKE -> {
                machine.take(step.doer(), name, step.option("from", Machine.MAIN));
                world.opened(name, step.doer(), true); // from now on it speaks for the descriptor
            }
            default -> throw new IllegalArgumentException(step.verb().word());
        }
    }

    private void scan(Step step) {
        Range range = world.range(step.operands().getFirst());
        String words = step.operands().get(1);
        boolean protect = words.contains("protect");
        long flags = (protect ? Scan.PROTECT : 0) | (words.contains("check") ? Scan.CHECK : 0);
        long mask =
                step.rest().stream()
                        .mapToLong(word -> Operand.constant(Scan.Category.class, word).bit())
                        .sum();
        int room = step.has("novec") ? 0 : 256;
        Scan.Answer answer =
                world.machine()
                        .scan(
                                step.doer().isEmpty() ? Machine.MAIN : step.doer(),
                                range.process(),
                                new Scan(
                                        range.start(),
                                        range.start() + range.bytes(),
                                        flags,
                                        mask,
                                        room));
        if (answer.result() < 0 || step.outcome().isEmpty()) {
            expect(step, answer.result());
            return;
        }
        String said = describe(answer.regions(), range.start());
        Mismatch.unless(
                outcome(step).accepts(said), "expected pages %s, found %s", outcome(step), said);
    }

    private static String describe(List<Scan.Region> regions, long start) {
        return regions.isEmpty()
                ? "none"
                : regions.stream()
                        .map(
                                region ->
                                        "[%d,%d)"
                                                .formatted(
                                                        (region.start() - start)
                                                                / Machine.PAGE_BYTES,
                                                        (region.end() - start)
                                                                / Machine.PAGE_BYTES))
                        .collect(Collectors.joining(" "));
    }

    /**
     * A round of copying: what was written since the last one, protected again in the same step.
     */
    private void collect(Step step) {
        Range range = world.range(step.operands().getFirst());
        Machine machine = world.machine();
        byte[] copy = collected.computeIfAbsent(range.start(), _ -> new byte[(int) range.bytes()]);
        long end = range.start() + range.bytes();
        Scan.Answer answer =
                machine.scan(
                        step.doer().isEmpty() ? Machine.MAIN : step.doer(),
                        range.process(),
                        new Scan(
                                range.start(),
                                end,
                                Scan.PROTECT | Scan.CHECK,
                                Scan.Category.WRITTEN.bit(),
                                256));
        Mismatch.unless(
                answer.result() >= 0,
                "the scan answers %s",
                Outcome.describe(Reply.Done.of(answer.result())));
        for (Scan.Region region : answer.regions()) {
            int bytes = (int) (region.end() - region.start());
            byte[] now = machine.content(range.process(), region.start(), bytes);
            System.arraycopy(now, 0, copy, (int) (region.start() - range.start()), bytes);
        }
    }

    /** What was collected of a range. */
    byte[] collected(long start) {
        byte[] copy = collected.get(start);
        if (copy == null) {
            throw new Mismatch("nothing was collected there");
        }
        return copy;
    }
}
