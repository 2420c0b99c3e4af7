package dev.stillframe.engine.conformance;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;

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
    private int forks;
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

    /** An address as a scenario writes it: {@code a[3]}, or {@code a[3]+17}. */
    String nameOf(long address) {
        for (Map.Entry<String, Mapped> each : memories.entrySet()) {
            long into = address - each.getValue().start();
            if (into >= 0 && into < each.getValue().memory().bytes()) {
                long offset = into % Machine.PAGE_BYTES;
                String page = "%s[%d]".formatted(each.getKey(), into / Machine.PAGE_BYTES);
                return offset == 0 ? page : page + "+" + offset;
            }
        }
        return Long.toHexString(address);
    }

    /** A range as a scenario writes it. */
    String nameOf(long start, long end) {
        String first = nameOf(start);
        long pages = (end - start) / Machine.PAGE_BYTES;
        int bracket = first.indexOf('[');
        if (pages == 1 || bracket < 0) {
            return bracket < 0 ? "%x-%x".formatted(start, end) : first;
        }
        int page = Integer.parseInt(first.substring(bracket + 1, first.indexOf(']')));
        return "%s[%d,%d)".formatted(first.substring(0, bracket), page, page + pages);
    }

    /** A message as a scenario expects it. */
    String describe(Message message) {
        String what = Operand.word(message.kind());
        return switch (message.kind()) {
            case WP, MISSING, MISSING_WRITE, MINOR ->
                    "%s %s%s"
                            .formatted(
                                    what,
                                    nameOf(message.start()),
                                    message.name().isEmpty() ? "" : " by " + message.name());
            case FORK -> what + " as " + message.name();
            case REMAP ->
                    "%s %s to %s"
                            .formatted(
                                    what,
                                    nameOf(message.start(), message.end()),
                                    nameOf(message.target()));
            case REMOVE, UNMAP -> what + " " + nameOf(message.start(), message.end());
        };
    }

    String describe(Collection<Message> several) {
        return several.stream().map(this::describe).collect(Collectors.joining(", "));
    }

    /** The range that a scenario means, in the named process or else in {@code otherwise}. */
    Range range(String text, String otherwise) {
        Place place = Place.of(text(text));
        Mapped mapped = memory(place.memory());
        int end = place.endPage() < 0 ? mapped.memory().pages() : place.endPage();
        if (end > mapped.memory().pages()) {
            throw new Mismatch(
                    "%s ends at page %d, %s has %d",
                    text, end, place.memory(), mapped.memory().pages());
        }
        long first = (long) place.firstPage() * Machine.PAGE_BYTES + place.offset();
        return new Range(
                place.process().isEmpty() ? otherwise : place.process(),
                mapped.start() + first,
                place.length() < 0 ? (long) end * Machine.PAGE_BYTES - first : place.length());
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
                .filter(
                        entry ->
                                entry.getValue().isReadable()
                                        && !dead.contains(entry.getValue().process()))
                .map(Map.Entry::getKey)
                .toList();
    }

    /** Messages that were read and that no line has spoken about. */
    Deque<Message> messages(String userfaultfd) {
        return messages.computeIfAbsent(userfaultfd, _ -> new ArrayDeque<>());
    }

    /**
     * Reads all messages that are there; descriptors of forks get these names, then {@code child},
     * {@code child2}, ...
     */
    Deque<Message> drain(String userfaultfd, String process, List<String> children) {
        Supplier<String> names = names(children);
        while (fetch(userfaultfd, process, 64, names) > 0) {
            // All of them.
        }
        return messages(userfaultfd);
    }

    /** Reads so many messages at most, and how many there were. */
    int fetch(String userfaultfd, String process, int most, Supplier<String> names) {
        List<Message> read = machine.read(process, userfaultfd, most, names);
        for (Message message : read) {
            if (message.kind() == Message.Kind.FORK) {
                opened(message.name(), process, true);
            }
        }
        messages(userfaultfd).addAll(read);
        return read.size();
    }

    /** Names for the descriptors of forks. */
    Supplier<String> names(List<String> wanted) {
        Deque<String> left = new ArrayDeque<>(wanted);
        return () -> {
            String next = left.poll();
            if (next == null) {
                forks++;
                next = forks == 1 ? "child" : "child" + forks;
            }
            return next;
        };
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

    /**
     * The process has ended: what its threads had begun is over, and a child that was on its way is
     * none.
     */
    void died(String process) {
        dead.add(process);
        for (String thread : List.copyOf(acts.keySet())) {
            Act act = acts.get(thread);
            if (act != null && act.kind() == Act.Kind.FORK && act.process().equals(process)) {
                acts.remove(thread);
                threads.remove(act.name());
            }
        }
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

    /**
     * Resolves what the thread waits for, if the scenario said so, and takes note of what it did.
     */
    private Reply served(String thread, Reply first) {
        Reply reply = first;
        while (isUnprotecting && reply instanceof Reply.Parked && unprotectAll()) {
            reply = machine.state(thread);
        }
        Act act = acts.get(thread);
        if (act != null && hasEnded(reply)) {
            acts.remove(thread);
            boolean moved = act.kind() == Act.Kind.MREMAP && !act.name().isEmpty();
            if (moved && reply instanceof Reply.Done(long to, _) && to > 0) {
                int pages = (int) ((act.other() + Machine.PAGE_BYTES - 1) / Machine.PAGE_BYTES);
                memories.put(act.name(), new Mapped(to, new Memory(Memory.Kind.ANON, pages, "")));
            }
            if (act.kind() == Act.Kind.EXEC && reply instanceof Reply.Done) {
                executed(act.process());
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

    /** Nothing of the process is left but its number and its first thread. */
    private void executed(String process) {
        userfaultfds.values().removeIf(holder -> holder.process().equals(process));
        if (process.equals(Machine.MAIN)) {
            shadow.clear();
        }
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
            List<Message> all = new ArrayList<>(drain(userfaultfd, process, List.of()));
            for (Message message : all.subList(known, all.size())) {
                if (message.kind() == Message.Kind.WP) {
                    long page = message.start() & -Machine.PAGE_BYTES;
                    machine.control(
                            process,
                            userfaultfd,
                            new Control.WriteProtect(page, Machine.PAGE_BYTES, 0));
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
                    hasEnded(reply), "in the end, %s is %s", thread, Outcome.describe(reply));
        }
        for (String userfaultfd : readable()) {
            Deque<Message> left = drain(userfaultfd, holder(userfaultfd), List.of());
            Mismatch.unless(
                    left.isEmpty(),
                    "in the end, %s has messages that nobody expected: %s",
                    userfaultfd,
                    describe(left));
        }
        if (!dead.contains(Machine.MAIN)) {
            shadow.check(machine, this::nameOf);
        }
    }
}
