package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.Progress;
import dev.stillframe.engine.capture.SnapshotOptions;
import dev.stillframe.engine.instant.Missing;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.tests.image.DiscardModel;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.image.SequenceCheck;
import dev.stillframe.tests.image.ThrottledSink;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.TargetProcess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The list of what is missing is exact: a page of the target that was discarded, unmapped or moved
 * before it was copied is listed, no other page is, and what is not listed holds what it held at
 * T0.
 */
@Timeout(180)
class DiscardTest {
    private static final int PAGE = 4096;

    @Test
    void whatIsDiscardedBeforeItIsCopiedIsListedAndNothingElse() throws Exception {
        long lost = 0;
        try (TargetProcess target = TargetProcess.startNative("discard", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            for (int turn = 0; turn < Campaign.turns(6, 60); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    // Small staging and a slow sink: pages stay uncopied long enough to be
                    // discarded.
                    Snapshots.take(
                            target.pid(),
                            new ThrottledSink(image, 64 << 20),
                            Snapshots.options().withStagingBytes(SnapshotOptions.MIN_STAGING_BYTES),
                            Progress.NONE);
                    lost += check(image, facts, target.pid());
                } finally {
                    image.free();
                }
                assertThat(target.isAlive()).isTrue();
            }
        }
        assertThat(lost).as("pages lost; without any this test shows nothing").isPositive();
    }

    /**
     * The memory beside it is whole, and so is the list: whoever discards the same pages all the
     * time loses those at most.
     */
    @Test
    void whatIsDiscardedAllTheTimeSpoilsNothingElse() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("storm", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            long still = facts.getOrDefault("still", 0L);
            long pages = facts.getOrDefault("pages", 0L);
            AddressRange whole = new AddressRange(still, still + pages * PAGE);
            MemoryImage image = new MemoryImage();
            try {
                Snapshots.take(target.pid(), image, Snapshots.options(), Progress.NONE);
                assertThat(image.ending().missing())
                        .noneMatch(missing -> missing.range().overlaps(whole));
                for (long page = 0; page < pages; page++) {
                    long at = still + page * PAGE;
                    assertThat(word(image.read(new AddressRange(at, at + PAGE))))
                            .isEqualTo(page + 1);
                }
            } finally {
                image.free();
            }
            assertThat(target.isAlive()).isTrue();
        }
    }

    /** The number of lost pages. */
    private static long check(MemoryImage image, Map<String, Long> facts, int pid)
            throws IOException {
        long board = facts.getOrDefault("board", 0L);
        long atT0 = word(image.read(new AddressRange(board, board + PAGE)));
        long atEnd = word(MemorySegment.ofArray(new ProcessFacts(pid).memory(board, PAGE)));
        long area = facts.getOrDefault("area", 0L);
        long rangePages = facts.getOrDefault("pages", 0L);
        int ranges = Math.toIntExact(facts.getOrDefault("ranges", 0L));
        DiscardModel model = new DiscardModel(area, rangePages, ranges);
        while (model.done() < atT0) {
            model.step();
        }
        AddressRange whole = new AddressRange(area, area + (ranges + 1) * rangePages * PAGE);
        List<Missing> listed =
                image.ending().missing().stream()
                        .filter(missing -> missing.range().overlaps(whole))
                        .toList();
        int inFlight = model.rangeOf(atT0 + 1); // between two operations or anywhere in the next
        long lost = 0;
        for (int range = 0; range < ranges; range++) {
            if (range != inFlight) {
                lost += checkRange(image, model, range, wasTaken(model, range, atT0, atEnd + 1));
            }
        }
        for (Missing missing : listed) {
            assertThat(
                            whole.start() <= missing.range().start()
                                    && missing.range().end() <= whole.end())
                    .as("%s within the area", missing)
                    .isTrue();
        }
        return lost;
    }

    private static boolean wasTaken(DiscardModel model, int range, long after, long until) {
        for (long operation = after + 1; operation <= until; operation++) {
            if (model.rangeOf(operation) == range) {
                return true;
            }
        }
        return false;
    }

    private static long checkRange(
            MemoryImage image, DiscardModel model, int range, boolean mayBeLost) {
        AddressRange addresses = model.addresses(range);
        MemorySegment bytes = image.read(addresses);
        long lost = 0;
        for (long at = addresses.start(); at < addresses.end(); at += PAGE) {
            long page = (at - addresses.start()) / PAGE;
            PageKind kind = image.kind(at).orElseThrow();
            if (kind == PageKind.LOST) {
                assertThat(mayBeLost)
                        .as("page %d of range %d was never discarded", page, range)
                        .isTrue();
                lost++;
            } else {
                MemorySegment content = bytes.asSlice(page * PAGE, PAGE);
                assertThat(kind).isEqualTo(PageKind.DATA);
                assertThat(SequenceCheck.first(content)).isEqualTo(model.filledBy(range));
                assertThat(SequenceCheck.last(content)).isEqualTo(model.filledBy(range) * page);
            }
            assertThat(image.isMissing(at))
                    .as("page %d of range %d listed", page, range)
                    .isEqualTo(kind == PageKind.LOST);
        }
        return lost;
    }

    private static long word(MemorySegment page) {
        return SequenceCheck.first(page);
    }
}
