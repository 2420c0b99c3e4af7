package dev.stillframe.transport.sender;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.transport.SampleBatch;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RetainedTest {
    private final Retained retained = new Retained();

    private static SampleBatch batch() {
        return new SampleBatch().addRandom(0, 2, new Random(1)).add(PageKind.ZERO, 2, 1);
    }

    @Test
    void aBatchIsReleasedWhenItIsDurableAndNotBeingWritten() throws Exception {
        SampleBatch first = batch();
        SampleBatch second = batch();
        Retained.Item one = retained.add(1, first);
        Retained.Item two = retained.add(2, second);
        assertThat(retained.bytes()).isEqualTo(4 * SampleBatch.PAGE);
        assertThat(one.beginWrite()).isTrue();
        retained.durable(2);
        assertThat(second.awaitRelease()).isTrue();
        assertThat(first.data(0).scope().isAlive()).as("it is being written").isTrue();
        one.endWrite();
        assertThat(first.awaitRelease()).isTrue();
        assertThat(two.beginWrite()).as("worth a write").isFalse();
        assertThat(retained.bytes()).isZero();
        assertThat(retained.all()).isEmpty();
        assertThat(retained.durable()).isEqualTo(2);
    }

    @Test
    void whatIsNotDurableIsSentAgainInItsOrder() throws Exception {
        SampleBatch[] batches = {batch(), batch(), batch()};
        for (int i = 0; i < batches.length; i++) {
            retained.add(i + 1, batches[i]);
        }
        retained.durable(1);
        retained.durable(0); // an older message that came later
        assertThat(retained.all()).extracting(Retained.Item::sequence).containsExactly(2L, 3L);
        assertThat(retained.durable()).isEqualTo(1);
        retained.clear();
        for (SampleBatch each : batches) {
            assertThat(each.awaitRelease()).isTrue();
        }
    }
}
