package dev.stillframe.engine.capture;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class PageRunsTest {
    private static final int PAGES = 200;

    @RepeatedTest(200)
    void areTheSetsThatTheyStandFor(RepetitionInfo repetition) {
        SplittableRandom random = new SplittableRandom(repetition.getCurrentRepetition());
        BitSet a = some(random);
        BitSet b = some(random);
        BitSet or = (BitSet) a.clone();
        or.or(b);
        BitSet in = (BitSet) a.clone();
        in.and(b);
        BitSet without = (BitSet) a.clone();
        without.andNot(b);
        assertThat(set(runs(a).or(runs(b)))).isEqualTo(or);
        assertThat(set(runs(a).in(runs(b)))).isEqualTo(in);
        assertThat(set(runs(a).without(runs(b)))).isEqualTo(without);
        assertThat(runs(a).or(runs(b)).pages()).isEqualTo(or.cardinality());
    }

    @Test
    void joinsWhatIsNear() {
        PageRuns runs = new PageRuns();
        add(runs, 0, 1);
        add(runs, 3, 4);
        add(runs, 7, 9);
        PageRuns joined = runs.joined(3);
        assertThat(joined.count()).isEqualTo(2);
        assertThat(joined.end(0)).isEqualTo(4L * Block.PAGE_BYTES);
        assertThat(joined.start(1)).isEqualTo(7L * Block.PAGE_BYTES);
        assertThat(joined.pages()).isEqualTo(6);
    }

    private static void add(PageRuns runs, long first, long end) {
        runs.add(first * Block.PAGE_BYTES, end * Block.PAGE_BYTES);
    }

    private static BitSet some(SplittableRandom random) {
        BitSet pages = new BitSet();
        for (int run = random.nextInt(20); run > 0; run--) {
            int first = random.nextInt(PAGES);
            pages.set(first, first + random.nextInt(20));
        }
        return pages;
    }

    private static PageRuns runs(BitSet pages) {
        PageRuns runs = new PageRuns();
        for (int at = pages.nextSetBit(0); at >= 0; at = pages.nextSetBit(at)) {
            int end = pages.nextClearBit(at);
            add(runs, at, end);
            at = end;
        }
        return runs;
    }

    private static BitSet set(PageRuns runs) {
        BitSet pages = new BitSet();
        for (int run = 0; run < runs.count(); run++) {
            pages.set(
                    (int) (runs.start(run) / Block.PAGE_BYTES),
                    (int) (runs.end(run) / Block.PAGE_BYTES));
        }
        return pages;
    }
}
