package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.tests.image.DiscardModel;
import dev.stillframe.tests.image.SequenceCheck;
import dev.stillframe.tests.target.ProcessFacts;
import dev.stillframe.tests.target.Signals;
import dev.stillframe.tests.target.TargetProcess;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The models of the target programs are right: the memory of a stopped one is what its model says.
 */
@Timeout(120)
class StoppedTargetsTest {
    private static final int PAGE = 4096;
    private static final int TURNS = 5;

    @Test
    void discards() throws Exception {
        try (TargetProcess target =
                TargetProcess.startNative("discard", List.of("--pages", "16", "--rate", "5000"))) {
            Map<String, Long> facts = target.awaitReady();
            DiscardModel model =
                    new DiscardModel(
                            facts.getOrDefault("area", 0L),
                            facts.getOrDefault("pages", 0L),
                            Math.toIntExact(facts.getOrDefault("ranges", 0L)));
            for (int turn = 0; turn < TURNS; turn++) {
                ProcessFacts memory = new ProcessFacts(target.pid());
                long board = facts.getOrDefault("board", 0L);
                long from = model.done();
                Signals.await(
                        "more operations",
                        () -> SequenceCheck.first(page(memory, board)) > from + 100);
                Signals.stop(target.pid());
                long done = SequenceCheck.first(page(memory, board));
                while (model.done() < done) {
                    model.step();
                }
                for (int range = 0; range < model.ranges(); range++) {
                    if (range != model.rangeOf(done + 1)) {
                        mustHold(memory, model, range);
                    }
                }
                Signals.send("CONT", target.pid());
            }
        }
    }

    @Test
    void mappings() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("mappings5000", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            long area = facts.getOrDefault("address", 0L);
            mustBeOneInstant(
                    target, facts.getOrDefault("mappings", 0L) / 2, n -> area + n * 4 * PAGE);
            assertThat(new ProcessFacts(target.pid()).mappings()).hasSizeGreaterThan(4990);
        }
    }

    @Test
    void sharedMemory() throws Exception {
        try (TargetProcess target = TargetProcess.startNative("shared", List.of())) {
            Map<String, Long> facts = target.awaitReady();
            long one = facts.getOrDefault("one", 0L);
            mustBeOneInstant(target, facts.getOrDefault("size", 0L) / PAGE, n -> one + n * PAGE);
        }
    }

    private static void mustBeOneInstant(
            TargetProcess target, long count, LongUnaryOperator address) throws Exception {
        for (int turn = 0; turn < TURNS; turn++) {
            Signals.stop(target.pid());
            List<MemorySegment> pages = new ArrayList<>();
            for (long n = 0; n < count; n++) {
                pages.add(page(new ProcessFacts(target.pid()), address.applyAsLong(n)));
            }
            assertThat(SequenceCheck.deviation(pages)).isEmpty();
            Signals.send("CONT", target.pid());
            long newest = SequenceCheck.newest(pages);
            Signals.await(
                    "another write",
                    () ->
                            SequenceCheck.first(
                                            page(
                                                    new ProcessFacts(target.pid()),
                                                    address.applyAsLong((newest + 1) % count)))
                                    > newest);
        }
    }

    private static void mustHold(ProcessFacts memory, DiscardModel model, int range)
            throws IOException {
        AddressRange addresses = model.addresses(range);
        for (long at = addresses.start(); at < addresses.end(); at += PAGE) {
            long number = (at - addresses.start()) / PAGE;
            assertThat(SequenceCheck.first(page(memory, at))).isEqualTo(model.filledBy(range));
            assertThat(SequenceCheck.last(page(memory, at)))
                    .isEqualTo(model.filledBy(range) * number);
        }
    }

    private static MemorySegment page(ProcessFacts memory, long address) throws IOException {
        return MemorySegment.ofArray(memory.memory(address, PAGE));
    }
}
