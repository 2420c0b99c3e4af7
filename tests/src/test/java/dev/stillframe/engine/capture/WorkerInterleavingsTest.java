package dev.stillframe.engine.capture;

import static dev.stillframe.engine.capture.WorkerSystem.PAGE;
import static dev.stillframe.engine.capture.WorkerSystem.store;
import static dev.stillframe.engine.capture.WorkerSystem.storeThere;
import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.capture.WorkerSystem.Mutant;
import dev.stillframe.engine.capture.WorkerSystem.Scenario;
import dev.stillframe.engine.memory.MemoryFile;
import dev.stillframe.engine.mmu.MemoryCalls.Advice;
import dev.stillframe.engine.mmu.MemoryCalls.Move;
import dev.stillframe.engine.mmu.SharedObject;
import dev.stillframe.engine.process.ProtectionView;
import dev.stillframe.engine.tracking.WriteTracker;
import dev.stillframe.tests.oracle.BlindView;
import dev.stillframe.tests.system.Campaign;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every order, with so many interruptions, in which two workers of the engine can meet each other
 * and a target that writes, discards and moves.
 */
@Timeout(600)
class WorkerInterleavingsTest {
    private static final int BYTES = PAGE;

    /** What the target does. */
    @SuppressWarnings("ImmutableEnumChecker") // what sets up has no state
    enum Case {
        WRITES_ONE_PAGE(
                2,
                s -> {
                    long page = s.fill(s.process().mapAnonymous(BYTES), 1);
                    s.thread("writer0", store(page));
                    s.thread("writer1", store(page));
                }),
        WRITES_TWO_PAGES(
                1,
                s -> {
                    long pages = s.fill(s.process().mapAnonymous(2 * BYTES), 2);
                    s.thread("writer0", store(pages), store(pages + PAGE));
                    s.thread("writer1", store(pages + PAGE));
                }),
        WRITES_THROUGH_TWO_MAPPINGS(
                1,
                s -> {
                    SharedObject file = s.mmu().newSharedMemory();
                    long one = s.fill(s.process().mapShared(file, 0, BYTES), 1);
                    long other = s.process().mapShared(file, 0, BYTES);
                    s.thread("writer0", store(one));
                    s.thread("writer1", store(other));
                }),
        PUNCHES_WHAT_IS_MAPPED_TWICE(
                2,
                s -> {
                    SharedObject file = s.mmu().newSharedMemory();
                    long one = s.fill(s.process().mapShared(file, 0, BYTES), 1);
                    long other = s.process().mapShared(file, 0, BYTES);
                    s.mayBeLost(one, 1);
                    s.mayBeLost(other, 1);
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().advise(one, BYTES, Advice.REMOVE),
                            store(other));
                }),
        DISCARDS(
                1,
                s -> {
                    long page = s.fill(s.process().mapAnonymous(BYTES), 1);
                    s.mayBeLost(page, 1);
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().advise(page, BYTES, Advice.DONTNEED),
                            store(page));
                    s.thread("writer", store(page));
                }),
        MOVES(
                1,
                s -> {
                    long page = s.fill(s.process().mapAnonymous(BYTES), 1);
                    s.mayBeLost(page, 1);
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().remap(page, BYTES, BYTES, Move.ELSEWHERE),
                            storeThere());
                }),
        MOVES_AND_DISCARDS(
                1,
                s -> {
                    long page = s.fill(s.process().mapAnonymous(BYTES), 1);
                    s.mayBeLost(page, 1);
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().remap(page, BYTES, BYTES, Move.ELSEWHERE),
                            (task, there) -> task.memory().advise(there, BYTES, Advice.DONTNEED));
                }),
        MOVES_ONE_ONTO_ANOTHER(
                1,
                s -> {
                    long one = s.fill(s.process().mapAnonymous(BYTES), 1);
                    long other = s.process().mapAnonymousAt(one + (1 << 20), BYTES);
                    s.process().task().store(other + PAGE / 2 - 4, 0x0202_0202_0202_0202L, 8);
                    s.mayBeLost(one, 1);
                    s.mayBeLost(other, 1);
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().remapTo(other, BYTES, one),
                            store(one));
                }),
        UNMAPS_AND_MAPS(
                2,
                s -> {
                    long page = s.fill(s.process().mapAnonymous(BYTES), 1);
                    s.mayBeLost(page, 1);
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().unmap(page, BYTES),
                            (task, _) -> {
                                s.process().mapAnonymousAt(page, BYTES);
                                return task.store(page + PAGE / 2 - 4, -1L, 8);
                            });
                }),
        UNMAPS_ONE_AND_MOVES_ANOTHER_THERE(
                0,
                s -> {
                    long one = s.fill(s.process().mapAnonymous(BYTES), 1);
                    long other = s.process().mapAnonymousAt(one + (1 << 20), BYTES);
                    s.process().task().store(other + PAGE / 2 - 4, 0x0202_0202_0202_0202L, 8);
                    s.mayBeLost(one, 1);
                    s.mayBeLost(other, 1);
                    s.thread("unmapper", (task, _) -> task.memory().unmap(one, BYTES));
                    s.thread("mapper", (task, _) -> task.memory().remapTo(other, BYTES, one));
                }),
        WRITES_AND_DISCARDS_HOLES(
                1,
                s -> {
                    long pages = s.process().mapAnonymous(2 * BYTES);
                    s.fill(pages + PAGE, 1);
                    s.thread("writer", store(pages));
                    s.thread(
                            "mapper",
                            (task, _) -> task.memory().advise(pages, BYTES, Advice.DONTNEED));
                });

        private final int interruptions;
        private final Scenario scenario;

        Case(int interruptions, Scenario scenario) {
            this.interruptions = interruptions;
            this.scenario = scenario;
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyOrderGivesTheImageOfTheInstant(Case target) {
        Schedules.Findings findings =
                explore(Mutant.NONE, target, target.interruptions + Campaign.turns(0, 1));
        assertThat(findings.fault()).as(() -> String.join("\n", findings.order())).isNull();
        assertThat(findings.orders()).isGreaterThan(100);
    }

    /** An engine that does something wrong, and where that shows. */
    enum Wrong implements Mutant {
        RELEASES_BEFORE_IT_COPIES(Case.WRITES_ONE_PAGE) {
            @Override
            public PageReader reader(PageReader reader, WriteTracker tracker) {
                return (address, length, into) -> {
                    tracker.unprotect(address & -PAGE, PAGE);
                    return reader.read(address, length, into);
                };
            }

            @Override
            public ProtectionView view(ProtectionView view) {
                return new BlindView(view);
            }
        },
        RELEASES_BEFORE_IT_COPIES_THE_ALIAS(Case.WRITES_THROUGH_TWO_MAPPINGS) {
            @Override
            public MemoryFile file(MemoryFile file, WorkerSystem system) {
                return new ReleasingFile(file, system);
            }

            @Override
            public ProtectionView view(ProtectionView view) {
                return new BlindView(view);
            }
        },
        DOES_NOT_WAIT_FOR_WHAT_ANOTHER_WAS_TOLD(Case.UNMAPS_ONE_AND_MOVES_ANOTHER_THERE) {
            @Override
            public List<Worker> known(List<Worker> workers) {
                return List.of();
            }
        };

        private final Case shown;

        Wrong(Case shown) {
            this.shown = shown;
        }
    }

    /** Gives the pages free, wherever they are mapped, as soon as they are copied once. */
    private static final class ReleasingFile extends ForwardingFile {
        private final WorkerSystem system;

        ReleasingFile(MemoryFile file, WorkerSystem system) {
            super(file);
            this.system = system;
        }

        @Override
        public long read(long address, long length, long offset) {
            long bytes = super.read(address, length, offset);
            if (offset % PAGE + length == PAGE) { // with the second half
                system.unprotectEverywhere(offset / PAGE * PAGE, PAGE);
            }
            return bytes;
        }
    }

    @ParameterizedTest
    @EnumSource
    void anEngineThatDoesItWrongIsSeenToTear(Wrong engine) {
        Schedules.Findings findings = explore(engine, engine.shown, engine.shown.interruptions + 1);
        assertThat(findings.fault()).contains("is not that of T0");
    }

    private static Schedules.Findings explore(Mutant mutant, Case target, int interruptions) {
        Schedules.Findings findings =
                Schedules.explore(() -> new WorkerSystem(mutant, target.scenario), interruptions);
        System.out.printf(
                "%s, %d interruptions: %d orders, %s%n  %s%n",
                target,
                interruptions,
                findings.orders(),
                findings.fault(),
                String.join("\n  ", findings.order()));
        return findings;
    }
}
