package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.tests.Seed;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.oracle.OracleCheck;
import dev.stillframe.tests.target.Health;
import dev.stillframe.tests.target.OracleTarget;
import dev.stillframe.tests.target.OracleTarget.Settings;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whatever goes wrong in us, even an Error, and wherever: the target goes on as before. */
@Timeout(300)
class ErrorAtEveryStepTest {
    private static final long SIZE_BYTES = 64L << 20;

    /** Not one that anybody could expect. */
    private static final class Injected extends Error {
        private static final long serialVersionUID = 1;

        Injected(String point) {
            super("injected at '" + point + "'");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = InstantChoice.class,
            names = {"START", "END"})
    void anErrorDoesNoHarm(InstantChoice instant) throws Exception {
        try (OracleTarget target =
                OracleTarget.start(
                        Settings.of("anon", SIZE_BYTES, 2).withCounters(), Seed.value())) {
            Set<String> points = points(target, instant);
            assertThat(points).hasSizeGreaterThan(8);
            Health before = Health.of(target);
            for (String point : points) {
                AtomicBoolean thrown = new AtomicBoolean();
                Snapshot.Seams seams =
                        new Snapshot.Seams(
                                at -> {
                                    if (at.equals(point) && thrown.compareAndSet(false, true)) {
                                        throw new Injected(point);
                                    }
                                },
                                (reader, tracker) -> reader);
                MemoryImage image = new MemoryImage();
                try {
                    Throwable seen =
                            catchThrowable(
                                    () ->
                                            Snapshots.takeBetween(
                                                    target.pid(), image, seams, instant));
                    assertThat(thrown).as(point).isTrue();
                    assertThat(seen).as(point).isNotNull();
                    assertThat(causes(seen)).as(point).contains("injected at '" + point + "'");
                } finally {
                    image.free();
                }
                before.mustHoldFor(target);
            }
            MemoryImage image = new MemoryImage();
            try {
                Snapshots.take(target.pid(), image);
                assertThat(OracleCheck.deviation(target.shape(), image.read(target.region())))
                        .isEmpty();
            } finally {
                image.free();
            }
        }
    }

    private static Set<String> points(OracleTarget target, InstantChoice instant) throws Exception {
        Set<String> points = new ConcurrentSkipListSet<>();
        MemoryImage image = new MemoryImage();
        try {
            Snapshots.takeBetween(
                    target.pid(),
                    image,
                    new Snapshot.Seams(points::add, (reader, t) -> reader),
                    instant);
        } finally {
            image.free();
        }
        return new TreeSet<>(points);
    }

    private static String causes(Throwable seen) {
        StringBuilder all = new StringBuilder();
        for (Throwable t = seen; t != null; t = t.getCause()) {
            all.append(t.getMessage()).append('\n');
        }
        return all.toString();
    }
}
