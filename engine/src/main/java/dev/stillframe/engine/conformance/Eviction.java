package dev.stillframe.engine.conformance;

import dev.stillframe.engine.conformance.World.Range;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * A pager in user space that keeps part of a range in memory and the rest in storage, under threads
 * that write all the time: protect a page, write it to storage straight from the protected memory,
 * discard it, and bring it back at the next access. It is what kernels have broken: under one rule
 * of copy-on-write the write to storage parks on the pager's own protection, under another it
 * silently takes the protection off, and the stores that follow are lost with the page.
 *
 * <p>Each writer adds 1 to its own word of each page in turn, the first one only to the first page,
 * which is hot; so in the end the words must add up to what the writers say they did. Pages are
 * evicted in an order that is mixed and always the same. Owned by one run.
 */
final class Eviction {
    private static final String PAGER = "pager";
    private static final int WP = 2;
    private static final long ORDER = 80;
    private static final Duration STALL = Duration.ofSeconds(5);

    private final World world;
    private final Machine machine;
    private final Clock clock;
    private final Range range;
    private final String userfaultfd;
    private final String holder;
    private final List<String> writers;
    private final int pool;
    private final int turns;
    private final Duration time;
    private final Map<Long, byte[]> stored = new HashMap<>();
    private final List<Long> resident = new ArrayList<>();
    private final RandomGenerator random =
            RandomGeneratorFactory.of("L64X128MixRandom").create(ORDER);
    private int evictions;

    private Eviction(
            World world, Range range, List<String> writers, int pool, int turns, Duration time) {
        this.world = world;
        this.machine = world.machine();
        this.clock = machine.clock();
        this.range = range;
        this.userfaultfd = world.firstUserfaultfd();
        this.holder = world.holder(userfaultfd);
        this.writers = writers;
        this.pool = pool;
        this.turns = turns;
        this.time = time;
    }

    /** The range is registered for missing pages and write-protection, and empty. */
    static Eviction of(World world, Step step) {
        return new Eviction(
                world,
                world.range(step.operands().getFirst()),
                step.rest(),
                Integer.parseInt(step.option("pool", "1")),
                Integer.parseInt(step.option("turns", "0")),
                Duration.ofSeconds(Integer.parseInt(step.option("seconds", "0"))));
    }

    void run() {
        world.thread(PAGER, Machine.MAIN);
        for (int i = 0; i < writers.size(); i++) {
            long word = range.start() + (long) i * Long.BYTES;
            long bytes = i == 0 ? Machine.PAGE_BYTES : range.bytes();
            world.start(writers.get(i), Act.on(Act.Kind.HAMMER, Machine.MAIN, word, bytes));
        }
        Deadline end = Deadline.in(clock, time);
        Deadline stall = Deadline.in(clock, STALL);
        while (evictions < turns || !end.hasPassed()) {
            if (serve()) {
                stall = Deadline.in(clock, STALL);
            }
            letWritersRun();
            Mismatch.unless(!stall.hasPassed(), "no fault for 5 s after %d evictions", evictions);
        }
        long stores = stopWriters();
        long counted = sum();
        Mismatch.unless(
                counted == stores,
                "the writers stored %d times, memory and storage show %d: %d writes were lost in %d evictions",
                stores,
                counted,
                stores - counted,
                evictions);
    }

    /** Answers the messages that are there; whether there were any. */
    private boolean serve() {
        List<Message> messages = machine.read(holder, userfaultfd, 16, () -> "child");
        for (Message message : messages) {
            long page = message.start() & -Machine.PAGE_BYTES;
            if (resident.contains(page)) {
                control(new Control.WriteProtect(page, Machine.PAGE_BYTES, 0));
            } else if (message.kind() == Message.Kind.WP) {
                control(
                        new Control.Wake(
                                page,
                                Machine.PAGE_BYTES)); // discarded meanwhile: it will ask again
            } else {
                bringIn(page);
            }
        }
        return !messages.isEmpty();
    }

    private void bringIn(long page) {
        if (resident.size() >= pool) {
            evict(resident.remove(random.nextInt(resident.size())));
        }
        byte[] content = stored.getOrDefault(page, new byte[Machine.PAGE_BYTES]);
        control(new Control.Copy(page, content, WP));
        resident.add(page);
    }

    private void evict(long page) {
        control(new Control.WriteProtect(page, Machine.PAGE_BYTES, 1));
        if (random.nextBoolean()) {
            letWritersRun(); // else a writer that came now would come later, in what follows
        }
        Act write = Act.on(Act.Kind.DIRECT_WRITE, Machine.MAIN, page, Machine.PAGE_BYTES);
        Reply reply = machine.start(PAGER, write);
        if (!(reply instanceof Reply.Done(long written, byte[] data))
                || written != Machine.PAGE_BYTES) {
            throw new Mismatch(
                    "after %d evictions the pager, writing a page to storage, is %s: nobody else could resolve that",
                    evictions, Outcome.describe(reply));
        }
        stored.put(page, data.clone());
        letWritersRun();
        Reply discarded =
                machine.start(
                        PAGER,
                        Act.named(
                                Act.Kind.MADVISE,
                                Machine.MAIN,
                                page,
                                Machine.PAGE_BYTES,
                                "dontneed"));
        Mismatch.unless(
                Outcome.of("").accepts(discarded),
                "discarding a page: %s",
                Outcome.describe(discarded));
        control(new Control.Wake(page, Machine.PAGE_BYTES)); // discarding wakes nobody
        evictions++;
    }

    private void control(Control control) {
        long result = machine.control(holder, userfaultfd, control);
        Mismatch.unless(
                result == 0, "%s answers %s", control, Outcome.describe(Reply.Done.of(result)));
    }

    /** Where threads do not run by themselves, they do now. */
    private void letWritersRun() {
        writers.forEach(machine::state);
    }

    private long stopWriters() {
        long stores = 0;
        List<String> running = new ArrayList<>(writers);
        running.forEach(machine::halt);
        Deadline deadline = Deadline.in(clock, STALL);
        while (!running.isEmpty()) {
            Mismatch.unless(!deadline.hasPassed(), "%s did not stop in 5 s", running);
            serve();
            for (String writer : List.copyOf(running)) {
                if (world.state(writer) instanceof Reply.Done(long count, _)) {
                    stores += count;
                    running.remove(writer);
                }
            }
        }
        return stores;
    }

    private long sum() {
        long sum = 0;
        for (long page = range.start();
                page < range.start() + range.bytes();
                page += Machine.PAGE_BYTES) {
            byte[] content =
                    resident.contains(page)
                            ? machine.content(Machine.MAIN, page, Machine.PAGE_BYTES)
                            : stored.getOrDefault(page, new byte[Machine.PAGE_BYTES]);
            ByteBuffer words = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < writers.size(); i++) {
                sum += words.getLong(i * Long.BYTES);
            }
        }
        return sum;
    }
}
