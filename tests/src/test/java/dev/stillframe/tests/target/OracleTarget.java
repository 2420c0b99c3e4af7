package dev.stillframe.tests.target;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.oracle.OracleShape;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** A running {@code oracle.c}. Its memory is checked by {@link OracleCheck}. */
public final class OracleTarget implements AutoCloseable {
    private final TargetProcess process;
    private final OracleShape shape;
    private final AddressRange region;
    private final @Nullable Counters counters;

    private OracleTarget(
            TargetProcess process,
            OracleShape shape,
            AddressRange region,
            @Nullable Counters counters) {
        this.process = process;
        this.shape = shape;
        this.region = region;
        this.counters = counters;
    }

    /**
     * How to run it.
     *
     * @param memory {@code anon}, {@code thp}, {@code memfd}, {@code file}, {@code pagedout} (a
     *     file whose pages are taken out of memory all the time) or {@code hugetlb}
     * @param sizeBytes a multiple of 2 MiB
     * @param threads writers, 1 to 8
     * @param writesPerSecond of each writer; 0 is flat out
     * @param filled whether every page is written before the target is ready
     * @param more what else is so
     */
    public record Settings(
            String memory,
            long sizeBytes,
            int threads,
            long writesPerSecond,
            boolean filled,
            Set<Trait> more) {
        /** What an oracle may be or do. */
        public enum Trait {
            /**
             * It shows its writers' rates in memory that it shares with this process; the engine
             * then lists that memory as missing.
             */
            COUNTED,
            /** It may make no full userfaultfd, as programs of ordinary users. */
            WITHOUT_RIGHTS,
            /** It makes children all the time. */
            FORKING
        }

        /** Flat out, every page written, nothing else. */
        public static Settings of(String memory, long sizeBytes, int threads) {
            return new Settings(memory, sizeBytes, threads, 0, true, Set.of());
        }

        /** The same with counters. */
        public Settings withCounters() {
            return with(Trait.COUNTED);
        }

        /** The same at another rate. */
        public Settings withRate(long writes) {
            return new Settings(memory, sizeBytes, threads, writes, filled, more);
        }

        /** The same without {@code CAP_SYS_PTRACE}. */
        public Settings withoutRightsOfItsOwn() {
            return with(Trait.WITHOUT_RIGHTS);
        }

        /** The same, making children all the time. */
        public Settings withChildren() {
            return with(Trait.FORKING);
        }

        private Settings with(Trait trait) {
            Set<Trait> all = EnumSet.of(trait);
            all.addAll(more);
            return new Settings(memory, sizeBytes, threads, writesPerSecond, filled, all);
        }

        /** The same, ready before its pages were written. */
        public Settings withHoles() {
            return new Settings(memory, sizeBytes, threads, writesPerSecond, false, more);
        }

        boolean is(Trait trait) {
            return more.contains(trait);
        }
    }

    /** Starts one and waits until it is ready. */
    public static OracleTarget start(Settings settings, long seed)
            throws IOException, InterruptedException, TimeoutException {
        OracleShape shape = new OracleShape(settings.sizeBytes, settings.threads, seed);
        Counters counters =
                settings.is(Settings.Trait.COUNTED) ? Counters.create(settings.threads) : null;
        List<String> command = new ArrayList<>();
        if (settings.is(Settings.Trait.WITHOUT_RIGHTS)) {
            command.addAll(List.of("setpriv", "--bounding-set=-sys_ptrace"));
        }
        command.add(NativeProgram.of("oracle").toString());
        command.addAll(
                List.of(
                        "--memory",
                        settings.memory,
                        "--size",
                        Long.toString(settings.sizeBytes),
                        "--threads",
                        Integer.toString(settings.threads),
                        "--rate",
                        Long.toString(settings.writesPerSecond),
                        "--seed",
                        Long.toUnsignedString(seed),
                        "--fill",
                        settings.filled ? "1" : "0",
                        "--fork",
                        settings.is(Settings.Trait.FORKING) ? "1" : "0",
                        "--counters",
                        counters == null ? "" : counters.path().toString()));
        TargetProcess process = TargetProcess.start(command);
        try {
            Map<String, Long> facts = process.awaitReady();
            long address = facts.getOrDefault("address", -1L);
            AddressRange region = new AddressRange(address, address + settings.sizeBytes);
            return new OracleTarget(process, shape, region, counters);
        } catch (InterruptedException | TimeoutException | RuntimeException e) {
            process.close();
            throw e;
        }
    }

    /** The process. */
    public TargetProcess process() {
        return process;
    }

    /** Process id. */
    public int pid() {
        return process.pid();
    }

    /** What {@link OracleCheck} needs to know. */
    public OracleShape shape() {
        return shape;
    }

    /** Where its region is. */
    public AddressRange region() {
        return region;
    }

    /** What its writers count. */
    public Counters counters() {
        if (counters == null) {
            throw new IllegalStateException("started without counters");
        }
        return counters;
    }

    /** The number that each writer has published by now. */
    public List<Long> published() throws IOException {
        byte[] board = new ProcessFacts(pid()).memory(region.start(), OracleShape.PAGE_BYTES);
        return OracleCheck.published(shape, MemorySegment.ofArray(board));
    }

    @Override
    public void close() throws IOException {
        process.close();
        if (counters != null) {
            counters.close();
        }
    }
}
