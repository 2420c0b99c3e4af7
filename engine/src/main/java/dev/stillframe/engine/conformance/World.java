package dev.stillframe.engine.conformance;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What a running scenario has given names to. Owned by one run. */
final class World {
    private final Machine machine;
    private final Shadow shadow = new Shadow();
    private final Map<String, Mapped> memories = new HashMap<>();
    private final Map<String, Holder> userfaultfds = new LinkedHashMap<>();
    private final Map<String, Deque<Message>> messages = new HashMap<>();
    private final Map<String, Act> acts = new LinkedHashMap<>();
    private final Set<String> threads = new HashSet<>(Set.of(Machine.MAIN));
    private final Set<String> sameMemory = new HashSet<>(Set.of(Machine.MAIN));
    private final Set<String> dead = new HashSet<>();
    private long hammered;
    private int turn;
    private boolean isUnprotecting;

    /** Memory of the scenario, at the same address in every process that has it. */
    record Mapped(long start, Memory memory) {}

    /** Who opened a userfaultfd. */
    record Holder(String process, boolean isReadable) {}

    /** A range of a process. */
    record Range(String process, long start, long bytes) {}

    World(Machine machine) {
        this.machine = machine;
    }

    Machine machine() {
        return machine;
    }

    Shadow shadow() {
        return shadow;
    }

    void turn(int number) {
        turn = number;
    }

    /** Fills in the number of the turn. */
    String text(String operand) {
        return operand.replace("%", Integer.toString(turn));
    }

    void map(String name, Memory memory, String process) {
        memories.put(name, new Mapped(machine.map(process, memory), memory));
    }

    Mapped memory(String name) {
        Mapped mapped = memories.get(name);
        if (mapped == null) {
            throw new Mismatch("there is no memory %s: declare it first", name);
        }
        return mapped;
    }

    /** The range that a scenario means, in the named process or else in {@code otherwise}. */
    Range range(String text, String otherwise) {
        Place place = Place.of(text(text));
        Mapped mapped = memory(place.memory());
        int end = place.endPage() < 0 ? mapped.memory().pages() : place.endPage();
        long first = (long) place.firstPage() * Machine.PAGE_BYTES + place.offset();
        return new Range(
                place.process().isEmpty() ? otherwise : place.process(),
                mapped.start() + first,
                (long) end * Machine.PAGE_BYTES - first);
    }

    Range range(String text) {
        return range(text, Machine.MAIN);
    }

    void opened(String name, String process, boolean readable) {
        userfaultfds.put(name, new Holder(process, readable));
    }

    void closed(String name) {
        userfaultfds.remove(name);
    }

    /** The first userfaultfd of the scenario. */
    String firstUserfaultfd() {
        return userfaultfds.keySet().stream()
                .findFirst()
                .orElseThrow(() -> new Mismatch("there is no userfaultfd: declare it first"));
    }

    String holder(String userfaultfd) {
        Holder holder = userfaultfds.get(userfaultfd);
        if (holder == null) {
            throw new Mismatch("there is no userfaultfd %s", userfaultfd);
        }
        return holder.process();
    }

    List<String> readable() {
        return userfaultfds.entrySet().stream()
                .filter(entry -> entry.getValue().isReadable() && !dead.contains(entry.getValue().process()))
                .map(Map.Entry::getKey)
                .toList();
    }

    /** Messages that were read and that no line has spoken about. */
    Deque<Message> messages(String userfaultfd) {
        return messages.computeIfAbsent(userfaultfd, _ -> new ArrayDeque<>());
    }

    /** Reads all messages that are there. */
    Deque<Message> drain(String userfaultfd, String process, String child) {
        Deque<Message> seen = messages(userfaultfd);
        List<Message> read = machine.read(process, userfaultfd, 64, child);
        while (!read.isEmpty()) {
            seen.addAll(read);
            read = machine.read(process, userfaultfd, 64, child);
        }
        return seen;
    }

    /** How often threads that hammered and stopped have stored. */
    long hammered() {
        return hammered;
    }

    void unprotecting(boolean on) {
        isUnprotecting = on;
    }

    boolean isDead(String process) {
        return dead.contains(process);
    }

    void died(String process) {
        dead.add(process);
    }

    /** Makes the thread if there is none of that name. */
    void thread(String name, String process) {
        if (threads.add(name)) {
            machine.newThread(name, process);
        }
    }

    void process(String name) {
        threads.add(name);
        machine.newProcess(name);
    }

    Reply start(String thread, Act act) {
        thread(thread, Machine.MAIN);
        switch (act.kind()) {
            case FORK -> threads.add(act.name());
            case SPAWN, VFORK -> {
                threads.add(act.name());
                sameMemory.add(act.name());
            }
            case CLONE_CLEARTID -> threads.add(act.name());
            default -> {
                // Nobody is born.
            }
        }
        acts.put(thread, act);
        return served(thread, machine.start(thread, act));
    }

    Reply state(String thread) {
        Mismatch.unless(threads.contains(thread), "there is no thread %s", thread);
        return served(thread, machine.state(thread));
    }

    /** Resolves what the thread waits for, if the scenario said so, and takes note of what it did. */
    private Reply served(String thread, Reply first) {
        Reply reply = first;
        while (isUnprotecting && reply instanceof Reply.Parked && unprotectAll()) {
            reply = machine.state(thread);
        }
        Act act = acts.get(thread);
        if (act != null && hasEnded(reply)) {
            acts.remove(thread);
            if (act.kind() == Act.Kind.MREMAP && reply instanceof Reply.Done(long to, _) && to > 0) {
                int pages = (int) (act.bytes() / Machine.PAGE_BYTES);
                memories.put(act.name(), new Mapped(to, new Memory(Memory.Kind.ANON, pages, "")));
            }
            if (act.kind() == Act.Kind.HAMMER && reply instanceof Reply.Done(long stores, _)) {
                hammered += stores;
            }
            if (sameMemory.contains(act.process())) {
                shadow.apply(act, reply);
            }
        }
        return reply;
    }

    private static boolean hasEnded(Reply reply) {
        return switch (reply) {
            case Reply.Done _, Reply.Signalled _, Reply.Gone _ -> true;
            case Reply.Parked _, Reply.Waiting _, Reply.Busy _, Reply.Stopped _ -> false;
        };
    }

    /** Answers every write-protect fault that is there; whether there was one. */
    boolean unprotectAll() {
        boolean any = false;
        for (String userfaultfd : readable()) {
            String process = holder(userfaultfd);
            int known = messages(userfaultfd).size();
            List<Message> all = new ArrayList<>(drain(userfaultfd, process, "child"));
            for (Message message : all.subList(known, all.size())) {
                if (message.kind() == Message.Kind.WP) {
                    long page = message.start() & -Machine.PAGE_BYTES;
                    machine.control(
                            process, userfaultfd, new Control.WriteProtect(page, Machine.PAGE_BYTES, 0));
                    any = true;
                }
            }
        }
        return any;
    }

    /** What holds after every scenario: nobody waits, no message is left, no byte is wrong. */
    void checkEnd() {
        for (String thread : threads) {
            Reply reply = dead.contains(thread) ? new Reply.Gone() : state(thread);
            Mismatch.unless(
                    hasEnded(reply),
                    "in the end, %s is %s",
                    thread,
                    Outcome.describe(reply));
        }
        for (String userfaultfd : readable()) {
            Deque<Message> left = drain(userfaultfd, holder(userfaultfd), "child");
            Mismatch.unless(left.isEmpty(), "in the end, %s has messages that nobody expected: %s", userfaultfd, left);
        }
        if (!dead.contains(Machine.MAIN)) {
            shadow.check(machine);
        }
    }
}
