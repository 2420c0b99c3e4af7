package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.target.TargetProcess;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A target that maps, unmaps, replaces, moves and discards small mappings all the time: what the
 * image has of them is what they held at the instant, or it is listed.
 */
@Timeout(1800)
class SlotsTest {
    private static final int PAGE = 4096;
    private static final int NOTE_BYTES = 16;

    @ParameterizedTest
    @ValueSource(strings = {"private", "shared"})
    void whatIsNotListedIsOfTheInstant(String kind) throws Exception {
        try (TargetProcess target = TargetProcess.startNative("slots", List.of(kind))) {
            Map<String, Long> facts = target.awaitReady();
            int checked = 0;
            for (int turn = 0; turn < Campaign.turns(20, 500); turn++) {
                MemoryImage image = new MemoryImage();
                try {
                    Snapshots.take(target.pid(), image);
                    checked += check(image, facts);
                } finally {
                    image.free();
                }
            }
            assertThat(checked).as("pages of slots that nobody was at").isGreaterThan(1000);
        }
    }

    private static int check(MemoryImage image, Map<String, Long> facts) {
        long slots = facts.getOrDefault("slots", 0L);
        long notes = facts.getOrDefault("notes", 0L);
        int count = Math.toIntExact(facts.getOrDefault("count", 0L));
        int pages = Math.toIntExact(facts.getOrDefault("pages", 0L));
        MemorySegment note =
                image.read(new AddressRange(notes, notes + pageUp((long) count * NOTE_BYTES)));
        List<String> wrong = new ArrayList<>();
        int checked = 0;
        for (int slot = 0; slot < count; slot++) {
            long turn = note.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) slot * NOTE_BYTES);
            long value = note.get(ValueLayout.JAVA_LONG_UNALIGNED, (long) slot * NOTE_BYTES + 8);
            for (int page = 0; page < pages && (turn & 1) == 0; page++) {
                long address = slots + ((long) slot * pages + page) * PAGE;
                AddressRange range = new AddressRange(address, address + PAGE);
                if (image.ending().missing().stream().noneMatch(m -> m.range().overlaps(range))) {
                    checked++;
                    long expected = value == 0 ? 0 : value + page;
                    MemorySegment bytes = image.read(range);
                    long first = bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
                    long last = bytes.get(ValueLayout.JAVA_LONG_UNALIGNED, PAGE - 8);
                    if (first != expected || last != expected) {
                        wrong.add(
                                "slot %d page %d: noted %x, has %x and %x"
                                        .formatted(slot, page, expected, first, last));
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        return checked;
    }

    private static long pageUp(long bytes) {
        return (bytes + PAGE - 1) & -PAGE;
    }
}
