package dev.stillframe.tests.mmu;

import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.engine.mmu.EmulatedProcess;
import dev.stillframe.engine.mmu.Feature;
import dev.stillframe.engine.mmu.MemoryCalls;
import dev.stillframe.engine.mmu.Mmu;
import dev.stillframe.engine.mmu.Outcome;
import dev.stillframe.engine.mmu.PageScan;
import dev.stillframe.engine.mmu.Task;
import dev.stillframe.engine.mmu.Userfault;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * A process whose writes are tracked asynchronously, and beside it the set of pages that were
 * written since the last round, and a copy of memory that is brought up to date by what each round
 * reports.
 */
final class AsyncWorld {
    static final int PAGES = 4;
    private static final int PAGE = Mmu.PAGE_BYTES;

    private final Mmu mmu = new Mmu(CowPolicy.MODERN);
    private final EmulatedProcess process = mmu.newProcess();
    private final Task task = process.task();
    private final Task other = mmu.newProcess().task();
    private final Userfault uffd = process.userfaultfd();
    private final long start = process.mapAnonymous((long) PAGES * PAGE);
    private final BitSet written = new BitSet();
    private final byte[][] copy = new byte[PAGES][PAGE];
    private int turn;

    /** What is done with a page of the process. */
    enum Step {
        /** A round: report what was written, protect it again, copy it. */
        ROUND,
        STORE,
        READ_INTO,
        DIRECT_READ_INTO,
        PROCESS_WRITE,
        POKE,
        DISCARD,
        LOAD,
        DIRECT_WRITE_FROM,
        PEEK,
        PIN,
        RECLAIM,
        FORK
    }

    /** A step and its page. */
    record Move(Step step, int page) {}

    AsyncWorld() {
        uffd.api(Feature.WP_ASYNC);
        uffd.register(start, (long) PAGES * PAGE, Userfault.MODE_WP);
        task.load(start, 1); // from now on there is an entry for each of its pages
        written.set(0, PAGES); // never protected counts as written
    }

    /**
     * Runs the moves and a last round; whether every report was exact and the copy is the memory.
     */
    boolean isExact(List<Move> moves) {
        boolean exact = true;
        for (Move move : moves) {
            turn++;
            exact &= perform(move);
        }
        exact &= round();
        for (int page = 0; page < PAGES; page++) {
            exact &= Arrays.equals(copy[page], process.peek(address(page), PAGE));
        }
        return exact && uffd.drain().isEmpty() && mmu.parked().isEmpty();
    }

    private boolean perform(Move move) {
        long address = address(move.page());
        byte[] data = new byte[PAGE];
        Arrays.fill(data, (byte) turn);
        return switch (move.step()) {
            case ROUND -> round();
            case STORE -> write(move, task.store(address + turn % PAGE, turn, 1));
            case READ_INTO -> write(move, task.transfers().read(address, data));
            case DIRECT_READ_INTO -> write(move, task.transfers().directRead(address, data));
            case PROCESS_WRITE ->
                    write(move, other.transfers().processWrite(process, address, data));
            case POKE -> write(move, other.transfers().poke(process, address, data));
            case DISCARD ->
                    write(move, task.memory().advise(address, PAGE, MemoryCalls.Advice.DONTNEED));
            case LOAD -> isDone(task.load(address, 1));
            case DIRECT_WRITE_FROM -> isDone(task.transfers().directWrite(address, data));
            case PEEK -> isDone(other.transfers().peek(process, address, data));
            case PIN ->
                    isDone(
                            task.transfers()
                                    .register(
                                            address,
                                            PAGE,
                                            false,
                                            task.transfers().buffer(address)));
            case RECLAIM -> {
                mmu.reclaim(process, address, PAGE);
                yield true;
            }
            case FORK -> isDone(task.memory().fork());
        };
    }

    private boolean write(Move move, Outcome outcome) {
        written.set(move.page());
        return isDone(outcome);
    }

    private static boolean isDone(Outcome outcome) {
        return outcome instanceof Outcome.Done(long value) && value >= 0;
    }

    private boolean round() {
        BitSet reported = new BitSet();
        PageScan.Request request =
                PageScan.Request.written(start, start + (long) PAGES * PAGE, true);
        for (PageScan.Region region : process.scan(request).regions()) {
            reported.set(
                    (int) ((region.start() - start) / PAGE), (int) ((region.end() - start) / PAGE));
        }
        boolean exact = reported.equals(written);
        reported.stream().forEach(page -> copy[page] = process.peek(address(page), PAGE));
        written.clear();
        return exact;
    }

    private long address(int page) {
        return start + (long) page * PAGE;
    }
}
