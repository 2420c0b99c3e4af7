package dev.stillframe.tests.mmu;

import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.MemoryCalls;
import dev.stillframe.engine.mmu.Message;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.PageHold;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.mmu.Userfault;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A parent, its children, a handler, and beside them the oracle: for each process a plain array of
 * what it wrote, and for each protected page a copy of the moment when it was protected. Every
 * action is followed by a comparison.
 */
final class World {
    static final int PAGES = 2;
    private static final int PAGE = Mmu.PAGE_BYTES;
    private static final int CHILDREN_MAX = 2;

    private final Mmu mmu;
    private final EmulatedProcess parent;
    private final Userfault uffd;
    private final long start;
    private final List<Task> tasks = new ArrayList<>();
    private final Map<EmulatedProcess, Memory> oracle = new HashMap<>();
    private final byte[] @Nullable [] atProtection = new byte[PAGES][];
    private final Map<Task, Effect> unfinished = new HashMap<>();
    private final Deque<Held> holds = new ArrayDeque<>();
    private final Set<Violation> violations = EnumSet.noneOf(Violation.class);
    private int turn;

    /** What a process should see; null: unmapped. */
    private static final class Memory {
        final byte[] @Nullable [] pages = new byte[PAGES][];
    }

    /** What an operation does to the oracle when it is done; reads do nothing. */
    private record Effect(boolean write, Runnable apply) {}

    /** A pipe and every content that its page had in its own process since. */
    private record Held(
            PageHold hold, EmulatedProcess by, int page, boolean pipe, List<byte[]> history) {}

    World(CowPolicy policy) {
        mmu = new Mmu(policy);
        parent = mmu.newProcess();
        uffd = parent.userfaultfd();
        uffd.api();
        start = parent.mapAnonymous((long) PAGES * PAGE);
        tasks.add(parent.task());
        tasks.add(parent.newTask());
        Memory memory = new Memory();
        for (int page = 0; page < PAGES; page++) {
            byte[] bytes = new byte[PAGE];
            bytes[0] = (byte) (page + 1);
            memory.pages[page] = bytes;
            parent.task().store(address(page), page + 1, 8);
        }
        oracle.put(parent, memory);
        uffd.register(start, (long) PAGES * PAGE, Userfault.MODE_WP);
    }

    /** Runs the actions, lets everybody go, and tells what went wrong. */
    Set<Violation> run(List<Action> actions) {
        for (Action action : actions) {
            turn++;
            perform(action);
            check();
        }
        uffd.unprotect(start, (long) PAGES * PAGE);
        Arrays.fill(atProtection, null);
        proceed();
        check();
        uffd.close();
        proceed();
        if (!mmu.parked().isEmpty()) {
            violations.add(Violation.PARKED);
        }
        return violations;
    }

    private void perform(Action action) {
        int page = action.page();
        switch (action.kind()) {
            case PROTECT -> protect(page);
            case UNPROTECT -> unprotect(page);
            case ANSWER -> answer();
            case RECLAIM -> mmu.reclaim(parent, address(page), PAGE);
            case RELEASE -> {
                if (!holds.isEmpty()) {
                    holds.removeFirst().hold().release();
                }
            }
            default -> {
                Task task = tasks.get(Math.min(action.actor(), tasks.size() - 1));
                boolean idle = task.process().isAlive() && !task.isParked();
                if (idle && memoryOf(task).pages[page] != null) {
                    performBy(task, action.kind(), page);
                }
            }
        }
    }

    private void performBy(Task task, Action.Kind kind, int page) {
        long address = address(page);
        switch (kind) {
            case STORE -> store(task, page, 8 * (turn % 100));
            case STORE_ACROSS -> {
                if (page + 1 < PAGES && memoryOf(task).pages[page + 1] != null) {
                    store(task, page, PAGE - 3);
                }
            }
            case FAILING_EXCHANGE ->
                    track(task, task.compareAndSet(address, -1, 0, 8), new Effect(true, () -> {}));
            case LOAD -> read(task, task.load(address, 8));
            case BUFFERED_WRITE -> read(task, task.transfers().write(address, new byte[PAGE]));
            case DIRECT_WRITE -> read(task, task.transfers().directWrite(address, new byte[PAGE]));
            case PROCESS_READ -> readParent(task, page, task.transfers()::processRead);
            case PEEK -> readParent(task, page, task.transfers()::peek);
            case DIRECT_READ -> fill(task, page, task.transfers()::directRead);
            case BUFFERED_READ -> fill(task, page, task.transfers()::read);
            case SPLICE -> hold(task, page, true);
            case PIN -> hold(task, page, false);
            case FORK -> fork(task);
            case EXIT -> exit(task.process());
            case UNMAP -> unmap(task, page);
            case DISCARD -> discard(task, page);
            default -> throw new IllegalArgumentException(kind + " has no actor");
        }
    }

    // The handler

    private void protect(int page) {
        if (memoryOf(parent.task()).pages[page] != null && uffd.protect(address(page), PAGE) == 0) {
            boolean present =
                    parent.bits(address(page)).uffdWp(); // an empty entry is not protected
            if (present && atProtection[page] == null) {
                atProtection[page] = parent.peek(address(page), PAGE);
            }
        }
    }

    private void unprotect(int page) {
        uffd.unprotect(address(page), PAGE);
        atProtection[page] = null;
        proceed();
    }

    private void answer() {
        for (Message message : uffd.drain()) {
            if (!(message instanceof Message.Fault fault) || !fault.wp()) {
                violations.add(Violation.FALSE_MESSAGE);
                continue;
            }
            check(); // what the handler copies now is what was protected
            unprotect((int) ((fault.address() - start) / PAGE));
        }
    }

    private void proceed() {
        for (Task task : tasks) {
            if (task.isWoken()) {
                Effect effect = unfinished.remove(task);
                if (effect == null) {
                    throw new IllegalStateException("woken without an operation");
                }
                track(task, task.proceed(), effect);
            }
        }
    }

    // The programs

    private void store(Task task, int page, int offset) {
        long value = 0x0101_0101_0101_0101L * (turn % 250 + 1);
        Outcome outcome = task.store(address(page) + offset, value, 8);
        track(
                task,
                outcome,
                new Effect(
                        true,
                        () -> {
                            for (int i = offset; i < offset + 8; i++) {
                                pageOf(task, page + i / PAGE)[i % PAGE] = (byte) value;
                            }
                        }));
    }

    private interface Transfer {
        Outcome on(long address, byte[] bytes);
    }

    private void fill(Task task, int page, Transfer transfer) {
        byte[] data = new byte[PAGE];
        Arrays.fill(data, (byte) turn);
        Outcome outcome = transfer.on(address(page), data);
        track(
                task,
                outcome,
                new Effect(true, () -> System.arraycopy(data, 0, pageOf(task, page), 0, PAGE)));
    }

    private void read(Task task, Outcome outcome) {
        track(task, outcome, new Effect(false, () -> {}));
    }

    private interface RemoteTransfer {
        Outcome on(EmulatedProcess target, long address, byte[] bytes);
    }

    private void readParent(Task task, int page, RemoteTransfer transfer) {
        byte[] expected = memoryOf(parent.task()).pages[page];
        if (!parent.isAlive() || expected == null) {
            return;
        }
        byte[] seen = new byte[PAGE];
        Outcome outcome = transfer.on(parent, address(page), seen);
        read(task, outcome);
        if (outcome.equals(new Outcome.Done(PAGE)) && !Arrays.equals(seen, expected)) {
            violations.add(Violation.WRONG_CONTENT);
        }
    }

    private void hold(Task task, int page, boolean pipe) {
        PageHold hold =
                pipe
                        ? task.transfers().pipe(address(page))
                        : task.transfers().buffer(address(page));
        Outcome outcome =
                pipe
                        ? task.transfers().vmsplice(address(page), PAGE, hold)
                        : task.transfers().register(address(page), PAGE, false, hold);
        track(
                task,
                outcome,
                new Effect(
                        false,
                        () -> {
                            List<byte[]> history =
                                    new ArrayList<>(List.of(pageOf(task, page).clone()));
                            holds.addLast(new Held(hold, task.process(), page, pipe, history));
                        }));
    }

    private void fork(Task task) {
        if (task.process() != parent || oracle.size() > CHILDREN_MAX) {
            return;
        }
        Outcome.Done done = (Outcome.Done) task.memory().fork();
        EmulatedProcess child = mmu.process(done.value());
        Memory copy = new Memory();
        for (int page = 0; page < PAGES; page++) {
            byte[] bytes = memoryOf(task).pages[page];
            copy.pages[page] = bytes == null ? null : bytes.clone();
        }
        oracle.put(child, copy);
        tasks.add(child.task());
    }

    private void exit(EmulatedProcess process) {
        if (process != parent) {
            process.exit();
            unfinished.keySet().removeIf(task -> task.process() == process);
        }
    }

    private void unmap(Task task, int page) {
        if (task.process() != parent) {
            task.memory().unmap(address(page), PAGE);
            memoryOf(task).pages[page] = null;
        }
    }

    private void discard(Task task, int page) {
        task.memory().advise(address(page), PAGE, MemoryCalls.Advice.DONTNEED);
        Arrays.fill(pageOf(task, page), (byte) 0);
        if (task.process() == parent) {
            atProtection[page] = null; // discarding is not told here, and drops the protection
        }
    }

    private void track(Task task, Outcome outcome, Effect effect) {
        if (outcome instanceof Outcome.Parked) {
            unfinished.put(task, effect);
            if (!effect.write()) {
                violations.add(Violation.TOLD_READ);
            }
        } else {
            effect.apply().run();
        }
    }

    // The comparison

    private void check() {
        oracle.forEach(
                (process, memory) -> {
                    for (int page = 0; page < PAGES && process.isAlive(); page++) {
                        byte[] expected = memory.pages[page];
                        if (expected != null) {
                            compare(process, page, expected);
                        }
                    }
                });
        for (Held held : holds) {
            checkHeld(held);
        }
    }

    private void compare(EmulatedProcess process, int page, byte[] expected) {
        byte[] seen = process.peek(address(page), PAGE);
        if (!Arrays.equals(seen, expected)) {
            violations.add(Violation.WRONG_CONTENT);
        }
        byte[] before = atProtection[page];
        if (process == parent && before != null && !Arrays.equals(seen, before)) {
            violations.add(Violation.MISSED_WRITE);
        }
    }

    private void checkHeld(Held held) {
        byte[] own = oracleOf(held.by()).pages[held.page()];
        if (own != null && !Arrays.equals(own, held.history().getLast())) {
            held.history().add(own.clone());
        }
        byte[] seen = held.hold().read(PAGE);
        if (held.pipe() && held.history().stream().noneMatch(each -> Arrays.equals(each, seen))) {
            violations.add(Violation.LEAK);
        }
    }

    private byte[] pageOf(Task task, int page) {
        byte[] bytes = memoryOf(task).pages[page];
        if (bytes == null) {
            throw new IllegalStateException("not mapped");
        }
        return bytes;
    }

    private Memory memoryOf(Task task) {
        return oracleOf(task.process());
    }

    private Memory oracleOf(EmulatedProcess process) {
        Memory memory = oracle.get(process);
        if (memory == null) {
            throw new IllegalStateException("unknown process");
        }
        return memory;
    }

    private long address(int page) {
        return start + (long) page * PAGE;
    }
}
