package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.engine.page.ForwardingSink;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.engine.process.Probe;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.image.SequenceCheck;
import dev.stillframe.tests.target.TargetProcess;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Memory that is changed in ways that its protection does not see: each page of an image is of T0,
 * or listed; and what nobody changed is not listed.
 */
@Timeout(120)
class SharedMemoryTest {
    private static final int PAGE = 4096;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "pwrite",
                "small-pwrite",
                "punch",
                "truncate",
                "sendfile",
                "copy_file_range",
                "splice",
                "fork",
                "child",
                "mapper",
                "brief-mapper",
                "second",
                "brief-second",
                "brief-mremap",
                "own-open",
                "shm-remap",
                "remap_file_pages"
            })
    void whatIsChangedBehindItsPageTableIsListed(String how) throws Exception {
        Taken taken = take(how, List.of());
        assertThat(taken.wrong(1)).isEmpty();
    }

    /**
     * A descriptor that is open for writing, as QEMU has one of a guest's memory, changes nothing
     * by itself.
     */
    @ParameterizedTest
    @ValueSource(strings = {"nothing", "own"})
    void whatNobodyElseWritesIsComplete(String how) throws Exception {
        Taken taken = take(how, List.of());
        assertThat(taken.missing()).isEmpty();
        assertThat(taken.wrong(1)).isEmpty();
    }

    /** Before T0, when it is protected already. */
    @Test
    void holesThatAreFilledThroughADescriptorAreNotZeros() throws Exception {
        Taken taken = take("holes", List.of());
        assertThat(taken.wrong(2)).isEmpty();
    }

    /** It is in the image whatever its descriptors do, since it is copied in the pause. */
    @Test
    void smallMemoryThatIsOpenIsComplete() throws Exception {
        Taken taken = take("pwrite", List.of("--size", "1048576"));
        assertThat(taken.missing()).isEmpty();
        assertThat(taken.wrong(1)).isEmpty();
    }

    /** QEMU has its guest's memory open, a JVM its heap, and neither writes it that way. */
    @Test
    void whoSaysThatDescriptorsAreNotUsedIsBelieved() throws Exception {
        Taken taken = take("own-open", List.of(), true);
        assertThat(taken.missing()).isEmpty();
        assertThat(taken.wrong(1)).isEmpty();
        assertThat(take("own-open", List.of()).missing())
                .extracting(Missing::reason)
                .allSatisfy(
                        reason ->
                                assertThat(reason)
                                        .contains(
                                                "descriptor", "behind", "--trust-own-descriptors"))
                .isNotEmpty();
    }

    /** What the target discards itself is told, and does not cast doubt on the rest. */
    @Test
    void ofMemoryThatTheTargetDiscardsOnlyThatIsListed() throws Exception {
        Taken taken = take("discard", List.of());
        assertThat(taken.wrong(1)).isEmpty();
        assertThat(taken.missing())
                .allMatch(
                        missing ->
                                missing.range().end()
                                        <= taken.address() + taken.pages() * PAGE / 2);
    }

    @Test
    void smallSystemVMemoryIsCapturedAndLargeIsListedWithARemedy() throws Exception {
        Taken small = take("sysv", List.of("--size", "1048576"));
        assertThat(small.missing()).isEmpty();
        assertThat(small.wrong(1)).isEmpty();
        Taken large = take("sysv", List.of("--size", "2097152"));
        assertThat(large.wrong(1)).isEmpty();
        assertThat(large.missing())
                .extracting(Missing::reason)
                .singleElement()
                .asString()
                .contains("System V", "shm_open");
    }

    /**
     * What an image shows of a target's memory.
     *
     * @param generations of each page, by number; 0 if it holds zeros, -1 if the image has none or
     *     it is torn
     * @param missing what is listed of that memory
     */
    private record Taken(long address, int pages, List<Long> generations, List<Missing> missing) {
        /** Pages that are neither listed nor of {@code generation}. */
        List<String> wrong(long generation) {
            List<String> wrong = new ArrayList<>();
            for (int page = 0; page < pages; page++) {
                long at = address + (long) page * PAGE;
                boolean listed = missing.stream().anyMatch(entry -> entry.range().contains(at));
                if (!listed && generations.get(page) != generation) {
                    wrong.add("page %d is of generation %d".formatted(page, generations.get(page)));
                }
            }
            return wrong;
        }
    }

    private static Taken take(String how, List<String> arguments) throws Exception {
        return take(how, arguments, false);
    }

    private static Taken take(String how, List<String> arguments, boolean trustsOwnDescriptors)
            throws Exception {
        List<String> all = new ArrayList<>(List.of("--how", how));
        all.addAll(arguments);
        try (TargetProcess target = TargetProcess.startNative("behind", all)) {
            Map<String, Long> facts = target.awaitReady();
            long address = facts.getOrDefault("address", 0L);
            int pages = Math.toIntExact(facts.getOrDefault("pages", 0L));
            MemoryImage image = new MemoryImage();
            try {
                Director director =
                        new Director(
                                target, how.equals("holes") ? "tracer: freeze" : "attach: enable");
                new Snapshot(
                                options(trustsOwnDescriptors),
                                new SimpleMeterRegistry(),
                                Progress.NONE,
                                new Snapshot.Seams(director, (reader, tracker) -> reader))
                        .take(target.pid(), director.inFrontOf(image));
                return taken(image, address, pages);
            } finally {
                image.free();
            }
        }
    }

    private static SnapshotOptions options(boolean trustsOwnDescriptors) {
        SnapshotOptions small =
                Snapshots.options().withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES);
        return trustsOwnDescriptors ? small.withTrustInOwnDescriptors() : small;
    }

    private static Taken taken(MemoryImage image, long address, int pages) {
        AddressRange whole = new AddressRange(address, address + (long) pages * PAGE);
        MemorySegment bytes = image.read(whole);
        List<Long> generations = new ArrayList<>();
        for (int page = 0; page < pages; page++) {
            MemorySegment content = bytes.asSlice((long) page * PAGE, PAGE);
            long first = SequenceCheck.first(content);
            boolean whole1 =
                    first == SequenceCheck.last(content) && (first == 0 || (int) first == page);
            boolean accounted =
                    image.kind(whole.start() + (long) page * PAGE)
                            .filter(kind -> kind != PageKind.LOST)
                            .isPresent();
            generations.add(whole1 && accounted ? first >>> 32 : -1);
        }
        List<Missing> missing =
                image.ending().missing().stream()
                        .filter(entry -> entry.range().overlaps(whole))
                        .toList();
        return new Taken(address, pages, generations, missing);
    }

    /**
     * Tells the target what to do when; the sink takes nothing until it has done it, so that most
     * of it is not copied yet.
     */
    private static final class Director implements Probe {
        private final TargetProcess target;
        private final String preparesAt;
        private final AtomicBoolean prepared = new AtomicBoolean();
        private final AtomicBoolean told = new AtomicBoolean();
        private final CountDownLatch acted = new CountDownLatch(1);

        Director(TargetProcess target, String preparesAt) {
            this.target = target;
            this.preparesAt = preparesAt;
        }

        @Override
        public void at(String point) {
            if (point.equals(preparesAt) && prepared.compareAndSet(false, true)) {
                tell("prepare");
            }
            if (point.equals("sweep: copied") && told.compareAndSet(false, true)) {
                Thread.ofPlatform()
                        .name("director")
                        .start(
                                () -> {
                                    tell("act");
                                    acted.countDown();
                                });
            }
        }

        private void tell(String what) {
            try {
                target.writeLine(what);
                target.awaitLine("did " + what);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            } catch (InterruptedException | TimeoutException e) {
                throw new IllegalStateException(e);
            }
        }

        ForwardingSink inFrontOf(MemoryImage image) {
            return new ForwardingSink(image) {
                @Override
                public void accept(PageBatch batch) throws IOException {
                    try {
                        if (!acted.await(60, TimeUnit.SECONDS)) {
                            throw new IOException("the target did not act");
                        }
                    } catch (InterruptedException e) {
                        throw new IOException("interrupted", e);
                    }
                    super.accept(batch);
                }
            };
        }
    }
}
