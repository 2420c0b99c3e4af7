package dev.stillframe.tests.conformance;

import dev.stillframe.engine.conformance.Act;
import dev.stillframe.engine.conformance.Act.Kind;
import dev.stillframe.engine.conformance.Control;
import dev.stillframe.engine.conformance.Machine;
import dev.stillframe.engine.conformance.Memory;
import dev.stillframe.engine.conformance.Message;
import dev.stillframe.engine.conformance.Reply;
import dev.stillframe.engine.conformance.Scan;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.IntFunction;

/**
 * Random acts on two machines at once. After each, both must answer alike, have told alike, and
 * show the same pages. One use; owned by one thread.
 */
final class RandomActs {
    private static final String THREAD = "T1";
    private static final String UFFD = "u";
    private static final int PAGE = Machine.PAGE_BYTES;
    private static final List<String> ADVICE =
            List.of(
                    "dontneed",
                    "free",
                    "remove",
                    "cold",
                    "collapse",
                    "wipeonfork",
                    "dontfork",
                    "dontneed-locked");
    private static final int SMALL_PAGES = 6;
    private static final int HUGE_PAGES = 1024;
    private static final long ADDRESSES = 1L << 32;

    private final Random random;
    private final List<Machine> machines;
    private final List<Memory> memories = new ArrayList<>();
    private final List<long[]> starts = new ArrayList<>();
    private final List<String> log = new ArrayList<>();
    private final List<String> processes = new ArrayList<>(List.of(Machine.MAIN));
    private boolean isParked;
    private boolean wasHeld;

    /** Something that both did, and what came of it, without addresses. */
    @FunctionalInterface
    private interface Step {
        Object on(Machine machine, int which);
    }

    RandomActs(long seed, Machine one, Machine other) {
        this.random = new Random(seed);
        this.machines = List.of(one, other);
    }

    /** What was done, and where the machines differed last; empty if they did not. */
    String run(int steps) {
        try {
            begin();
            for (int i = 0; i < steps; i++) {
                if (isParked) {
                    release();
                } else {
                    step();
                }
                comparePages();
            }
            return "";
        } catch (Difference e) {
            return String.join("\n", log) + "\n" + e.getMessage();
        }
    }

    private void begin() {
        map(new Memory(Memory.Kind.ANON, SMALL_PAGES, ""));
        map(new Memory(Memory.Kind.MEMFD, SMALL_PAGES, "m"));
        map(
                random.nextBoolean()
                        ? new Memory(Memory.Kind.PRIVATE_MEMFD, SMALL_PAGES, "m")
                        : new Memory(Memory.Kind.MEMFD, SMALL_PAGES, "m"));
        map(new Memory(Memory.Kind.THP, HUGE_PAGES, ""));
        machines.forEach(machine -> machine.newThread(THREAD, Machine.MAIN));
        boolean async = random.nextInt(5) == 0;
        long events =
                random.nextInt(3) == 0 ? 1L << 3 | 1L << 6 : 0; // of discards and of unmapping
        long features =
                async ? 1L << 15 : events | (random.nextBoolean() ? 1L << 13 | 1L << 10 : 1L << 10);
        both(
                "userfaultfd u %x".formatted(features),
                (machine, _) -> {
                    machine.open(Machine.MAIN, UFFD, false, false);
                    return machine.control(Machine.MAIN, UFFD, new Control.Api(0xaa, features));
                });
    }

    private void map(Memory memory) {
        log.add(
                "memory %d %s %d %s"
                        .formatted(
                                memories.size(), memory.kind(), memory.pages(), memory.object()));
        memories.add(memory);
        starts.add(
                machines.stream()
                        .mapToLong(machine -> machine.map(Machine.MAIN, memory))
                        .toArray());
    }

    private void step() {
        int memory = random.nextInt(memories.size());
        int pages = memories.get(memory).pages();
        int first =
                pages > SMALL_PAGES
                        ? List.of(0, 3, 4, 509, 512, 515).get(random.nextInt(6))
                        : random.nextInt(pages);
        int count =
                pages > SMALL_PAGES && random.nextBoolean()
                        ? first < 512 ? 512 - first : 1024 - first
                        : 1 + random.nextInt(Math.min(3, pages - first));
        long bytes = (long) count * PAGE;
        String place = "%d[%d,%d)".formatted(memory, first, first + count);
        switch (random.nextInt(28)) {
            case 0, 1, 2 -> act(Kind.STORE, memory, first, 1, 'a' + random.nextInt(4), "");
            case 3, 4 -> act(Kind.LOAD, memory, first, 1, 0, "");
            case 5, 6 ->
                    act(
                            Kind.MADVISE,
                            memory,
                            first,
                            bytes,
                            0,
                            ADVICE.get(random.nextInt(ADVICE.size())));
            case 7, 8 -> {
                int modes = List.of(2, 2, 3, 1, 4, 6).get(random.nextInt(6));
                control(
                        "register %s %d".formatted(place, modes),
                        w -> new Control.Register(at(memory, w, first), bytes, modes));
            }
            case 9 ->
                    control(
                            "unregister " + place,
                            w -> new Control.Unregister(at(memory, w, first), bytes));
            case 10, 11, 12 ->
                    control(
                            "protect " + place,
                            w -> new Control.WriteProtect(at(memory, w, first), bytes, 1));
            case 13 ->
                    control(
                            "unprotect " + place,
                            w -> new Control.WriteProtect(at(memory, w, first), bytes, 0));
            case 14 -> {
                byte[] data = new byte[PAGE];
                Arrays.fill(data, (byte) 'c');
                int mode = random.nextBoolean() ? 2 : 0;
                control(
                        "copy %s mode %d".formatted(place, mode),
                        w -> new Control.Copy(at(memory, w, first), data, mode));
            }
            case 15 ->
                    control(
                            "zeropage " + place,
                            w -> new Control.ZeroPage(at(memory, w, first), bytes));
            case 16 ->
                    control(
                            "poison " + place,
                            w -> new Control.Poison(at(memory, w, first), bytes));
            case 17 -> {
                int mode = random.nextBoolean() ? 2 : 0;
                control(
                        "continue %s mode %d".formatted(place, mode),
                        w -> new Control.Continue(at(memory, w, first), bytes, mode));
            }
            case 18 ->
                    act(
                            Kind.MPROTECT,
                            memory,
                            first,
                            bytes,
                            List.of(0, 1, 3, 3).get(random.nextInt(4)),
                            "");
            case 19 -> {
                if (processes.size() < 3) {
                    fork();
                }
            }
            case 20 -> {
                if (processes.size() > 1) {
                    String child = processes.removeLast();
                    log.add("kill " + child);
                    machines.forEach(machine -> machine.kill(child));
                }
            }
            case 21 ->
                    act(
                            random.nextBoolean() ? Kind.DIRECT_WRITE : Kind.VM_READ,
                            memory,
                            first,
                            PAGE,
                            0,
                            "");
            case 22 ->
                    act(
                            random.nextBoolean() ? Kind.POPULATE_READ : Kind.POPULATE_WRITE,
                            memory,
                            first,
                            bytes,
                            0,
                            "");
            case 23 -> act(Kind.MLOCK, memory, first, bytes, 0, "");
            case 24 -> {
                if (!wasHeld) {
                    wasHeld = true;
                    act(
                            random.nextBoolean() ? Kind.IO_REGISTER : Kind.VMSPLICE,
                            memory,
                            first,
                            PAGE,
                            0,
                            "p");
                }
            }
            case 25 -> {
                if (random.nextInt(3) == 0) {
                    act(
                            random.nextBoolean() ? Kind.MUNMAP : Kind.MMAP,
                            memory,
                            first,
                            bytes,
                            0,
                            "");
                }
            }
            default -> {
                int from = random.nextInt(SMALL_PAGES - 1);
                int to = random.nextInt(2) == 0 ? 0 : 3;
                int source = to == 0 ? 3 : 0;
                control(
                        "move %d[%d] from %d[%d]".formatted(to, first % SMALL_PAGES, source, from),
                        w ->
                                new Control.Move(
                                        at(to, w, first % SMALL_PAGES), at(source, w, from), PAGE));
            }
        }
    }

    private long at(int memory, int which, int page) {
        return starts.get(memory)[which] + (long) page * PAGE;
    }

    private void fork() {
        String child = "c" + log.size();
        Object reply =
                both(
                        "fork " + child,
                        (machine, _) -> {
                            Reply made =
                                    machine.start(
                                            THREAD,
                                            Act.named(Kind.FORK, Machine.MAIN, 0, 0, child));
                            return made instanceof Reply.Done(long result, _) ? result > 0 : made;
                        });
        if (reply.equals(true)) {
            processes.add(child);
        }
    }

    private void act(Kind kind, int memory, int page, long bytes, long value, String name) {
        boolean byChild =
                processes.size() > 1
                        && random.nextInt(4) == 0
                        && (kind == Kind.STORE || kind == Kind.LOAD);
        String doer = byChild ? processes.getLast() : THREAD;
        String process = byChild ? doer : Machine.MAIN;
        Object reply =
                both(
                        "%s: %s %d[%d] bytes %d %d %s"
                                .formatted(doer, kind, memory, page, bytes, value, name),
                        (machine, which) ->
                                shown(
                                        machine.start(
                                                doer,
                                                new Act(
                                                        kind,
                                                        process,
                                                        at(memory, which, page),
                                                        bytes,
                                                        value,
                                                        0,
                                                        name))));
        isParked = reply.toString().startsWith("parked");
    }

    private static String shown(Reply reply) {
        return switch (reply) {
            case Reply.Done(long result, byte[] data) when result < ADDRESSES ->
                    result + " " + Arrays.hashCode(data);
            case Reply.Done _ -> "an address";
            case Reply.Parked(boolean interruptible) -> "parked " + interruptible;
            case Reply.Signalled(String signal) -> signal;
            default -> reply.toString();
        };
    }

    private void control(String what, IntFunction<Control> control) {
        both(what, (machine, which) -> machine.control(Machine.MAIN, UFFD, control.apply(which)));
    }

    /** Lets who is parked go on, with what it waits for told by both. */
    private void release() {
        both(
                "messages",
                (machine, which) ->
                        machine.read(Machine.MAIN, UFFD, 64, () -> "child").stream()
                                .map(message -> shown(message, which))
                                .toList());
        for (int memory = 0; memory < memories.size(); memory++) {
            int number = memory;
            long bytes = memories.get(memory).bytes();
            control("unregister " + number, w -> new Control.Unregister(at(number, w, 0), bytes));
            control("wake " + number, w -> new Control.Wake(at(number, w, 0), bytes));
        }
        Object reply = both("state", (machine, _) -> shown(machine.state(THREAD)));
        isParked = reply.toString().startsWith("parked");
    }

    private String shown(Message message, int which) {
        for (int memory = 0; memory < memories.size(); memory++) {
            long into = message.start() - at(memory, which, 0);
            if (into >= 0 && into < memories.get(memory).bytes()) {
                return "%s %d[%d]".formatted(message.kind(), memory, into / PAGE);
            }
        }
        return message.kind() + " elsewhere";
    }

    private Object both(String what, Step step) {
        log.add(what);
        Object one = step.on(machines.get(0), 0);
        Object other = step.on(machines.get(1), 1);
        if (!one.equals(other)) {
            throw new Difference("%s answers %s and %s".formatted(what, one, other));
        }
        return one;
    }

    private void comparePages() {
        for (String process : processes) {
            for (int memory = 0; memory < memories.size(); memory++) {
                String one = pages(process, memory, 0);
                String other = pages(process, memory, 1);
                if (!one.equals(other)) {
                    throw new Difference(
                            "pages of %d in %s:\n%s\n%s".formatted(memory, process, one, other));
                }
            }
        }
    }

    /** Runs of pages that look alike, and how much of them are huge. */
    private String pages(String process, int memory, int which) {
        Machine machine = machines.get(which);
        long start = at(memory, which, 0);
        StringBuilder text = new StringBuilder();
        String last = "";
        for (int page = 0; page < memories.get(memory).pages(); page++) {
            String bits = machine.page(process, start + (long) page * PAGE).bits();
            if (!bits.equals(last)) {
                text.append(page).append(' ').append(bits).append("  ");
                last = bits;
            }
        }
        Scan huge =
                new Scan(
                        start,
                        start + memories.get(memory).bytes(),
                        0,
                        Scan.Category.HUGE.bit(),
                        64);
        TreeMap<Long, Long> regions = new TreeMap<>();
        for (Scan.Region region : machine.scan(Machine.MAIN, process, huge).regions()) {
            regions.put((region.start() - start) / PAGE, (region.end() - start) / PAGE);
        }
        return text + "huge " + regions;
    }

    /** The machines differ; the message says in what. */
    private static final class Difference extends RuntimeException {
        private static final long serialVersionUID = 1;

        Difference(String what) {
            super(what);
        }
    }
}
