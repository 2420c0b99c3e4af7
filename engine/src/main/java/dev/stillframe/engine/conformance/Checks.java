package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.World.Range;
import dev.stillframe.engine.time.Deadline;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** The lines that begin with {@code expect}. Owned by one run. */
final class Checks {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Duration MERGING = Duration.ofSeconds(60);

    private final World world;
    private final HolderSteps holders;
    private final Map<Long, Long> frames = new HashMap<>();

    Checks(World world, HolderSteps holders) {
        this.world = world;
        this.holders = holders;
    }

    void run(Step step) {
        List<String> operands = step.operands();
        switch (step.verb()) {
            case REMEMBER -> pages(operands.getFirst()).forEach(this::remember);
            case EXPECT_BITS -> pages(operands.getFirst()).forEach(at -> bits(at, operands.get(1)));
            case EXPECT_PROTECTED -> pages(operands.getFirst()).forEach(at -> bits(at, "???W?"));
            case EXPECT_UNPROTECTED -> pages(operands.getFirst()).forEach(at -> bits(at, "???-?"));
            case EXPECT_PROTECTED_PAGES -> {
                long count =
                        pages(operands.get(1)).stream()
                                .filter(at -> page(at).isProtected())
                                .count();
                Mismatch.unless(
                        count == Long.parseLong(operands.getFirst()),
                        "%d pages are protected",
                        count);
            }
            case EXPECT_BYTE -> content(operands, 1);
            case EXPECT_CONTENT -> content(operands, Integer.MAX_VALUE);
            case EXPECT_FRAME ->
                    pages(operands.get(1)).forEach(at -> frame(at, operands.getFirst()));
            case EXPECT_MERGED ->
                    await(
                            MERGING,
                            () ->
                                    pages(operands.getFirst()).stream()
                                                    .map(at -> page(at).frame())
                                                    .distinct()
                                                    .count()
                                            == 1,
                            "the pages are not one");
            case EXPECT_HUGE -> huge(operands.getFirst(), true);
            case EXPECT_SPLIT -> huge(operands.getFirst(), false);
            case EXPECT_STABLE -> {
                Range range = world.range(operands.getFirst());
                byte[] first = bytes(range, Long.BYTES);
                byte[] second = bytes(range, Long.BYTES);
                Mismatch.unless(
                        Arrays.equals(first, second), "two reads differ: a write came in between");
            }
            case EXPECT_STORES -> {
                long shown = pages(operands.getFirst()).stream().mapToLong(this::firstWord).sum();
                Mismatch.unless(
                        shown == world.hammered(),
                        "%d stores were done, memory shows %d",
                        world.hammered(),
                        shown);
            }
            case EXPECT_COLLECTED -> {
                Range range = world.range(operands.getFirst());
                byte[] now = bytes(range, (int) range.bytes());
                int differs = Arrays.mismatch(now, holders.collected(range.start()));
                Mismatch.unless(
                        differs < 0,
                        "the copy differs from memory at byte %d: a write was not reported",
                        differs);
            }
            case EXPECT_MESSAGE, EXPECT_MESSAGES -> messages(step);
            case EXPECT_THREAD -> {
                Outcome outcome = Outcome.of(step.outcome());
                String thread = world.text(operands.getFirst());
                Reply reply = world.isDead(thread) ? new Reply.Gone() : world.state(thread);
                Mismatch.unless(
                        outcome.accepts(reply),
                        "expected %s to be %s, it is %s",
                        thread,
                        outcome,
                        Outcome.describe(reply));
            }
            default -> throw new IllegalArgumentException(step.verb().word());
        }
    }

    /** A page of a process, and what the scenario calls it. */
    private record At(String process, long address, String name) {}

    private List<At> pages(String text) {
        Range range = world.range(text);
        List<At> pages = new ArrayList<>();
        long first = range.start() & -Machine.PAGE_BYTES;
        for (long at = first; at < range.start() + range.bytes(); at += Machine.PAGE_BYTES) {
            String owner = range.process().equals(Machine.MAIN) ? "" : range.process() + ":";
            pages.add(new At(range.process(), at, owner + world.nameOf(at)));
        }
        return pages;
    }

    private Page page(At at) {
        return world.machine().page(at.process(), at.address());
    }

    private byte[] bytes(Range range, int count) {
        return world.machine().content(range.process(), range.start(), count);
    }

    private long firstWord(At at) {
        byte[] word = world.machine().content(at.process(), at.address(), Long.BYTES);
        return ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    private void remember(At at) {
        frames.put(at.address(), page(at).frame());
    }

    private void bits(At at, String pattern) {
        String bits = page(at).bits();
        for (int i = 0; i < pattern.length(); i++) {
            char wanted = pattern.charAt(i);
            Mismatch.unless(
                    wanted == '?' || bits.charAt(i) == wanted,
                    "expected bits %s of %s, found %s",
                    pattern,
                    at.name(),
                    bits);
        }
    }

    private void content(List<String> operands, int most) {
        Range range = world.range(operands.getFirst());
        byte[] found = bytes(range, (int) Math.min(range.bytes(), most));
        byte[] expected = Bytes.filled(found.length, Bytes.parse(operands.get(1)));
        Mismatch.unless(
                Arrays.equals(found, expected),
                "expected %s, found %s",
                operands.get(1),
                Bytes.describe(found));
    }

    private void frame(At at, String change) {
        Long before = frames.get(at.address());
        if (before == null) {
            throw new Mismatch("%s was not remembered", at.name());
        }
        long now = page(at).frame();
        if (before == 0 || now == 0) {
            throw new Machine.Unsupported("needs the right to see frame numbers: CAP_SYS_ADMIN");
        }
        Mismatch.unless(
                now == before == change.equals("same"),
                "expected the %s frame of %s, it was %x and is %x",
                change,
                at.name(),
                before,
                now);
    }

    private void huge(String text, boolean expected) {
        Range range = world.range(text);
        Scan scan =
                new Scan(
                        range.start(),
                        range.start() + range.bytes(),
                        0,
                        Scan.Category.HUGE.bit(),
                        256);
        long pages =
                world.machine().scan(Machine.MAIN, range.process(), scan).regions().stream()
                        .mapToLong(region -> (region.end() - region.start()) / Machine.PAGE_BYTES)
                        .sum();
        long wanted = expected ? range.bytes() / Machine.PAGE_BYTES : 0;
        Mismatch.unless(
                pages == wanted, "%d pages are parts of huge pages, expected %d", pages, wanted);
    }

    private void await(Duration patience, BooleanSupplier condition, String otherwise) {
        Deadline deadline = Deadline.in(world.machine().clock(), patience);
        while (!condition.getAsBoolean()) {
            Mismatch.unless(
                    !deadline.hasPassed(), "%s after %d s", otherwise, patience.toSeconds());
            LockSupport.parkNanos(200_000);
        }
    }

    private void messages(Step step) {
        MessageCheck check = MessageCheck.of(world.text(step.operands().getFirst()));
        String userfaultfd = step.option("on", world.firstUserfaultfd());
        String process = step.doer().isEmpty() ? world.holder(userfaultfd) : step.doer();
        List<String> children =
                check.patterns().stream()
                        .map(MessageCheck.Pattern::child)
                        .filter(name -> !name.isEmpty())
                        .toList();
        if (check.how() == MessageCheck.How.AT_LEAST) {
            await(
                    PATIENCE,
                    () -> world.drain(userfaultfd, process, children).size() >= check.count(),
                    "fewer than %d messages".formatted(check.count()));
        }
        Deque<Message> seen = world.drain(userfaultfd, process, children);
        List<Message> found = new ArrayList<>(seen);
        seen.clear();
        switch (check.how()) {
            case EXACTLY -> exactly(found, new ArrayDeque<>(check.patterns()));
            case EACH_PAGE -> eachPage(found, check.patterns().getFirst());
            case COUNT -> {
                Mismatch.unless(
                        found.size() == check.count(),
                        "%d messages: %s",
                        found.size(),
                        world.describe(found));
                found.forEach(message -> mustBeWithin(message, check.patterns().getFirst()));
            }
            case AT_LEAST ->
                    found.forEach(message -> mustMatch(message, check.patterns().getFirst()));
        }
    }

    private void exactly(List<Message> found, Deque<MessageCheck.Pattern> patterns) {
        for (Message message : found) {
            MessageCheck.Pattern pattern = patterns.poll();
            Mismatch.unless(
                    pattern != null,
                    "a message that was not expected: %s",
                    world.describe(message));
            if (pattern != null) {
                mustMatch(message, pattern);
            }
        }
        Mismatch.unless(
                patterns.isEmpty(),
                "no message %s; there are: %s",
                patterns.peek(),
                found.isEmpty() ? "none" : world.describe(found));
    }

    private void eachPage(List<Message> found, MessageCheck.Pattern pattern) {
        Set<Long> missing = new HashSet<>();
        pages(pattern.range()).forEach(at -> missing.add(at.address()));
        for (Message message : found) {
            Mismatch.unless(
                    message.kind() == pattern.kind(),
                    "expected %s, found %s",
                    pattern,
                    world.describe(message));
            Mismatch.unless(
                    missing.remove(message.start()),
                    "twice, or not of this range: %s",
                    world.describe(message));
        }
        Mismatch.unless(missing.isEmpty(), "no message for %d pages", missing.size());
    }

    private void mustBeWithin(Message message, MessageCheck.Pattern pattern) {
        Range range = world.range(pattern.range());
        boolean within =
                message.start() >= range.start() && message.start() < range.start() + range.bytes();
        Mismatch.unless(
                within && message.kind() == pattern.kind(),
                "expected %s, found %s",
                pattern,
                world.describe(message));
    }

    private void mustMatch(Message message, MessageCheck.Pattern pattern) {
        boolean matches = message.kind() == pattern.kind();
        if (!pattern.range().isEmpty()) {
            Range range = world.range(pattern.range());
            matches &= message.start() == range.start();
            matches &= message.end() == 0 || message.end() == range.start() + range.bytes();
        }
        if (!pattern.to().isEmpty()) {
            matches &= message.target() == world.range(pattern.to()).start();
        }
        String thread = pattern.thread();
        if (thread != null) {
            matches &= message.name().equals(thread.equals("nobody") ? "" : thread);
        }
        Mismatch.unless(matches, "expected %s, found %s", pattern, world.describe(message));
    }
}
