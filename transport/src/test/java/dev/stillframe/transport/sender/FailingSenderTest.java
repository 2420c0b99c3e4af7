package dev.stillframe.transport.sender;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.page.PageBatch;
import dev.stillframe.transport.Fault;
import dev.stillframe.transport.Loopback;
import dev.stillframe.transport.MemorySink;
import dev.stillframe.transport.SampleBatch;
import dev.stillframe.transport.SampleImage;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.receiver.ReceiverLimits;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A thread of the sender meets an error of the virtual machine: the next call hears of it with its
 * cause, and is not sent from one attempt to the next.
 */
@Timeout(60)
class FailingSenderTest {
    /** The event loops: writing a batch, and letting go of it when it is durable. */
    @ParameterizedTest
    @ValueSource(strings = {"data", "release"})
    void theNextCallHearsOfWhatFailedOnAnEventLoop(String place) throws Exception {
        Fault fault = new Fault(place);
        SenderOptions options = SenderOptions.DEFAULT.withPreset(Preset.OFF); // that never gives up
        try (Loopback loopback = new Loopback(ReceiverLimits.DEFAULT);
                Sender sender = loopback.connect("x", options)) {
            sender.begin(SampleImage.layout(1000));
            FailingBatch batch =
                    new FailingBatch(
                            new SampleBatch().addData(0, new byte[SampleBatch.PAGE]), fault);
            sender.accept(batch);
            Loopback.await(fault::hasHappened);
            assertThatThrownBy(() -> sendOn(sender))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(Fault.WORDS);
        }
    }

    /** The keeper: whoever waits for the memory of batches makes no call before it is free. */
    @Test
    void memoryIsFreeAfterTheEndOfTheKeeper() throws Exception {
        Fault fault = new Fault("stillframe.transport.reconnects");
        try (Loopback loopback = new Loopback(ReceiverLimits.DEFAULT);
                Sender sender =
                        Sender.connect(
                                loopback.receiver.address(),
                                "x",
                                SenderOptions.DEFAULT,
                                fault.registry())) {
            sender.begin(SampleImage.layout(1000));
            MemorySink sink = loopback.nextSink();
            sink.hold();
            SampleBatch batch = new SampleBatch().addData(0, new byte[SampleBatch.PAGE]);
            sender.accept(batch);
            sink.letGo();
            loopback.receiver.close();
            assertThat(batch.awaitRelease()).isTrue();
            Loopback.await(fault::hasHappened);
            assertThatThrownBy(() -> sendOn(sender))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(Fault.WORDS);
        }
    }

    /** The same when it gives up in an orderly way. */
    @Test
    void memoryIsFreeWhenTheKeeperGivesUp() throws Exception {
        SenderOptions options = SenderOptions.DEFAULT.withGiveUpAfter(Duration.ZERO);
        try (Loopback loopback = new Loopback(ReceiverLimits.DEFAULT);
                Sender sender = loopback.connect("x", options)) {
            sender.begin(SampleImage.layout(1000));
            MemorySink sink = loopback.nextSink();
            sink.hold();
            SampleBatch batch = new SampleBatch().addData(0, new byte[SampleBatch.PAGE]);
            sender.accept(batch);
            Thread closing = Thread.ofPlatform().name("closing").start(loopback.receiver::close);
            assertThat(batch.awaitRelease()).isTrue();
            assertThatThrownBy(() -> sendOn(sender)).isInstanceOf(IOException.class);
            sink.letGo();
            assertThat(closing.join(Duration.ofSeconds(30))).isTrue();
        }
    }

    private static void sendOn(Sender sender) throws IOException {
        for (int page = 1; page < 1000; page++) {
            sender.accept(new SampleBatch().add(PageKind.ZERO, page, 1));
        }
        throw new AssertionError("nobody heard of it");
    }

    private record FailingBatch(SampleBatch batch, Fault fault) implements PageBatch {
        @Override
        public int runCount() {
            return batch.runCount();
        }

        @Override
        public PageKind kind(int run) {
            return batch.kind(run);
        }

        @Override
        public long firstOrdinal(int run) {
            return batch.firstOrdinal(run);
        }

        @Override
        public long pageCount(int run) {
            return batch.pageCount(run);
        }

        @Override
        public MemorySegment data(int run) {
            fault.pass("data");
            return batch.data(run);
        }

        @Override
        public MemorySegment hashes(int run) {
            return batch.hashes(run);
        }

        @Override
        public long dataBytes() {
            return batch.dataBytes();
        }

        @Override
        public void release() {
            batch.release();
            fault.pass("release");
        }
    }
}
