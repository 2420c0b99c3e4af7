package dev.stillframe.engine.postcopy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.linux.Errno;
import dev.stillframe.engine.linux.Userfaultfd;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.process.Mapping;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.engine.process.TargetException;
import dev.stillframe.engine.process.TargetProcess;
import dev.stillframe.engine.process.Tracer;
import dev.stillframe.engine.thread.Role;
import dev.stillframe.engine.time.Deadline;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.HdrHistogram.ConcurrentHistogram;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/**
 * Memory of a process that is filled while the process runs: whoever touches a page that is not
 * there yet waits for it, and it is asked for at once. Shared memory only, pages of 4 KiB.
 *
 * <p>If this process is killed, the other never sees a page that is not as it should be: it holds a
 * copy of the userfaultfd itself, and stands at the first page that is missing. Thread-safe; a
 * thread {@code stillframe-postcopy} hears the faults.
 */
public final class PostCopy implements AutoCloseable {
    private static final int PAGE_BYTES = 4096;

    /** What lies near a page that is needed will be needed soon. */
    private static final int AROUND_PAGES = 16;

    /** A byte of ours for each. */
    private static final int MAX_PAGES = 1 << 30;

    private static final int MESSAGES = 64;
    private static final long SLEEP_NANOS = 100_000_000;
    private static final long LONGEST_WAIT_NANOS = TimeUnit.HOURS.toNanos(1);

    /** How long the kernel may ask to try again, because the process is changing its mappings. */
    private static final Duration AGAIN = Duration.ofSeconds(10);

    private final TargetProcess process;
    private final AddressRange range;
    private final Needs needs;
    private final Tracer tracer;
    private final Tracer.Shared shared;
    private final Userfaultfd userfaultfd;
    private final PageStates states;
    private final Clock clock;
    private final ConcurrentHashMap<Integer, Long> since = new ConcurrentHashMap<>();
    private final ConcurrentHistogram waits = new ConcurrentHistogram(LONGEST_WAIT_NANOS, 2);
    private final Thread thread;
    private volatile boolean stopped;

    /** Whom to ask for pages. */
    public interface Needs {
        /**
         * Somebody waits for one of these pages, numbered from the start of the range. Returns at
         * once.
         */
        void urgent(int firstPage, int pages);

        /** No fault is heard any more, whatever ended it. Called once at most. */
        void failed(IOException cause);
    }

    private PostCopy(
            TargetProcess process,
            AddressRange range,
            Needs needs,
            PageStates states,
            Tracer tracer,
            Clock clock)
            throws IOException {
        this.process = process;
        this.range = range;
        this.needs = needs;
        this.states = states;
        this.tracer = tracer;
        this.clock = clock;
        this.shared = tracer.share();
        this.userfaultfd = shared.userfaultfd();
        thread = Role.POST_COPY.unstarted(this::hear);
    }

    /**
     * Takes the pages of {@code range} away. Who misses them waits; it is heard from {@link
     * #listen} on.
     *
     * @param process stays open, and is closed by the caller after this
     * @param range one mapping of shared memory, whole
     * @param clock measures the waits
     * @throws IOException if it cannot be had that way; the process must then not be used
     */
    public static PostCopy begin(
            TargetProcess process, AddressRange range, Needs needs, Clock clock)
            throws IOException {
        Mapping mapping = mapping(process, range);
        long pages = range.sizeBytes() / PAGE_BYTES;
        if (pages > MAX_PAGES) {
            throw new TargetException(
                    "%d pages at %s cannot come while the process runs; at most %d can"
                            .formatted(pages, range, MAX_PAGES));
        }
        PageStates states = new PageStates((int) pages);
        Tracer tracer = new Tracer(process, Probe.NONE, clock);
        @Nullable PostCopy postCopy = null;
        boolean begun = false;
        try {
            postCopy = new PostCopy(process, range, needs, states, tracer, clock);
            postCopy.begin(mapping);
            begun = true;
            return postCopy;
        } finally {
            if (!begun && postCopy != null) {
                postCopy.close();
            } else if (!begun) {
                tracer.close();
            }
        }
    }

    private void begin(Mapping mapping) throws IOException {
        userfaultfd.enable(Userfaultfd.Feature.MISSING_SHMEM);
        userfaultfd.registerMissing(range);
        try (MemoryFile file = process.open(mapping)) {
            if (file.nextData(mapping.offset()) >= 0) { // what was there before must not stay
                process.empty(mapping);
            }
        }
    }

    private static Mapping mapping(TargetProcess process, AddressRange range) throws IOException {
        for (Mapping mapping : process.mappings()) {
            if (mapping.range().equals(range) && mapping.isSharedMemory()) {
                return mapping;
            }
        }
        throw new TargetException("there is no mapping of shared memory at " + range);
    }

    /** Hears who misses pages, and tells. Called once. */
    public void listen() {
        thread.start();
    }

    /** Pages in all. */
    public long pages() {
        return states.count();
    }

    /** Pages that are not here yet. */
    public long lackingPages() {
        return states.notHere();
    }

    /** How long whoever touched a missing page waited for it. */
    public Histogram waits() {
        return waits.copy();
    }

    /**
     * The next pages that nobody has asked for, which the caller is going to ask for.
     *
     * @param from where to begin to look
     * @param most how many pages, at most
     * @return null if there are none from there on
     */
    public @Nullable Pages ask(int from, int most) {
        for (int first = from; first < states.count(); first++) {
            int end = askedEnd(first, Math.min(states.count(), first + most));
            if (end > first) {
                return new Pages(first, end - first);
            }
        }
        return null;
    }

    /** Pages in a row, numbered from the start of the range. */
    public record Pages(int first, int count) {
        /** The page behind them. */
        public int end() {
            return first + count;
        }
    }

    private int askedEnd(int first, int limit) {
        int page = first;
        while (page < limit && states.move(page, PageStates.LACKING, PageStates.ASKED)) {
            page++;
        }
        return page;
    }

    /**
     * Puts pages where they belong; those that are there already stay as they are.
     *
     * @param pages whose ordinals are the pages' numbers plus {@code firstOrdinal}
     * @throws IOException if the process has ended, or there is no memory
     */
    public void place(PageBatch pages, long firstOrdinal) throws IOException {
        for (int run = 0; run < pages.runCount(); run++) {
            int first = Math.toIntExact(pages.firstOrdinal(run) - firstOrdinal);
            int count = Math.toIntExact(pages.pageCount(run));
            if (pages.kind(run) == PageKind.DATA) {
                copy(first, count, pages.data(run).address());
            }
            for (int page = first; page < first + count; page++) {
                arrived(page, pages.kind(run));
            }
        }
    }

    private void arrived(int page, PageKind kind) throws IOException {
        byte before = states.arrive(page);
        if (before == PageStates.URGENT) {
            if (kind == PageKind.ZERO) {
                zero(page);
            }
            Long from = since.remove(page);
            if (from != null) {
                waits.recordValue(Math.min(clock.monotonicTime() - from, LONGEST_WAIT_NANOS));
            }
        }
    }

    private void copy(int first, int count, long from) throws IOException {
        long done = 0;
        long bytes = (long) count * PAGE_BYTES;
        Deadline patience = Deadline.in(clock, AGAIN);
        while (done < bytes) {
            long to = address(first) + done;
            long result = userfaultfd.copy(to, from + done, bytes - done);
            if (result > 0) {
                done += result;
            } else if (result == -Errno.EEXIST.number()) {
                userfaultfd.wake(to, PAGE_BYTES);
                done += PAGE_BYTES;
            } else if (!again(result, patience)) {
                throw refused("copying", to, result);
            }
        }
    }

    private void zero(int page) throws IOException {
        Deadline patience = Deadline.in(clock, AGAIN);
        long result;
        do {
            result = userfaultfd.zero(address(page), PAGE_BYTES);
        } while (again(result, patience));
        if (result == -Errno.EEXIST.number()) {
            userfaultfd.wake(address(page), PAGE_BYTES);
        } else if (result < 0) {
            throw refused("zeroing", address(page), result);
        }
    }

    private static boolean again(long result, Deadline patience) {
        return result == -Errno.EAGAIN.number() && !patience.hasPassed();
    }

    private IOException refused(String what, long address, long result) throws IOException {
        return process.hasEnded() || result == -Errno.ESRCH.number()
                ? new TargetException("the process has ended")
                : new TargetException(
                        "%s the page at %x answered %s"
                                .formatted(what, address, Errno.nameOf((int) -result)));
    }

    private long address(int page) {
        return range.start() + (long) page * PAGE_BYTES;
    }

    private void hear() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment messages = arena.allocate((long) MESSAGES * Userfaultfd.MESSAGE_BYTES, 8);
            while (!stopped) {
                int count = userfaultfd.read(messages);
                if (count < 0) {
                    throw new TargetException(
                            "reading the userfaultfd answered " + Errno.nameOf(-count));
                }
                for (int i = 0; i < count; i++) {
                    missed(
                            (int)
                                    ((Userfaultfd.messageStart(messages, i) - range.start())
                                            / PAGE_BYTES));
                }
                if (count == 0) {
                    if (process.hasEnded()) {
                        throw new TargetException("the process has ended");
                    }
                    userfaultfd.await(SLEEP_NANOS);
                }
            }
        } catch (IOException e) {
            failed(e);
        } catch (Throwable e) { // the thread's top: whoever waits for pages must hear of it
            failed(
                    new IOException(
                            "hearing who misses pages failed in a way that it should not: " + e,
                            e));
        }
    }

    private void failed(IOException cause) {
        if (!stopped) {
            needs.failed(cause);
        }
    }

    private void missed(int page) throws IOException {
        since.putIfAbsent(page, clock.monotonicTime());
        if (states.move(
                page,
                PageStates.ASKED,
                PageStates.URGENT)) { // it will come in turn, but that may take long
            needs.urgent(page, 1);
        } else if (states.move(page, PageStates.LACKING, PageStates.URGENT)) {
            int first = page;
            while (first > (page & -AROUND_PAGES)
                    && states.move(first - 1, PageStates.LACKING, PageStates.ASKED)) {
                first--;
            }
            int limit = Math.min(states.count(), (page & -AROUND_PAGES) + AROUND_PAGES);
            needs.urgent(first, askedEnd(page + 1, limit) - first);
        } else if (states.get(page)
                == PageStates.HERE) { // zero, or thrown away by the process since
            since.remove(page);
            zero(page);
        }
    }

    /**
     * All pages are here: the memory is the process's alone from now on, as if it had always been
     * there.
     *
     * @throws IllegalStateException if pages are lacking
     */
    public void finish() throws IOException {
        if (lackingPages() > 0) {
            throw new IllegalStateException(lackingPages() + " pages are lacking");
        }
        stop();
        userfaultfd.unregister(range.start(), range.sizeBytes()); // what is not there now is zero
        tracer.closeShared(shared);
    }

    private void stop() {
        stopped = true;
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true; // it looks every tenth of a second
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Without {@link #finish} before, the process stands at what it misses for ever. */
    @Override
    public void close() {
        stop();
        tracer.close();
        userfaultfd.close();
    }
}
