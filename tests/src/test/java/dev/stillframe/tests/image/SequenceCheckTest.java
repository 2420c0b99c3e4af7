package dev.stillframe.tests.image;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SequenceCheckTest {
    private static final int PAGES = 7;
    private static final int LAST_WORD = 4096 - 8;

    @Test
    void everyInstantIsAccepted() {
        List<MemorySegment> pages = written(PAGES);
        for (long write = PAGES + 1; write < 50; write++) {
            pages.get((int) (write % PAGES)).set(ValueLayout.JAVA_LONG, 0, write);
            assertThat(SequenceCheck.deviation(pages)).isEmpty();
            pages.get((int) (write % PAGES)).set(ValueLayout.JAVA_LONG, LAST_WORD, write);
            assertThat(SequenceCheck.deviation(pages)).isEmpty();
        }
    }

    @Test
    void aPageFromEarlierOrLaterIsFound() {
        for (int index = 0; index < PAGES; index++) {
            for (int other : new int[] {-PAGES, PAGES}) {
                List<MemorySegment> pages = written(50);
                MemorySegment page = pages.get(index);
                long write = SequenceCheck.first(page) + other;
                if (write == 50 - PAGES || write == 51) {
                    continue; // the instant one write earlier, or one later
                }
                page.set(ValueLayout.JAVA_LONG, 0, write);
                page.set(ValueLayout.JAVA_LONG, LAST_WORD, write);
                assertThat(SequenceCheck.deviation(pages)).isPresent();
            }
        }
    }

    @Test
    void aTornPageIsFound() {
        for (int index = 0; index < PAGES; index++) {
            List<MemorySegment> pages = written(50);
            MemorySegment page = pages.get(index);
            long write = SequenceCheck.first(page);
            if (write == 50) {
                page.set(ValueLayout.JAVA_LONG, 0, write - PAGES); // the last word before the first
            } else {
                page.set(ValueLayout.JAVA_LONG, LAST_WORD, write - PAGES);
            }
            assertThat(SequenceCheck.deviation(pages)).isPresent();
        }
    }

    private static List<MemorySegment> written(long writes) {
        List<MemorySegment> pages =
                IntStream.range(0, PAGES)
                        .mapToObj(_ -> MemorySegment.ofArray(new long[4096 / 8]))
                        .toList();
        for (long write = 1; write <= writes; write++) {
            pages.get((int) (write % PAGES)).set(ValueLayout.JAVA_LONG, 0, write);
            pages.get((int) (write % PAGES)).set(ValueLayout.JAVA_LONG, LAST_WORD, write);
        }
        return pages;
    }
}
