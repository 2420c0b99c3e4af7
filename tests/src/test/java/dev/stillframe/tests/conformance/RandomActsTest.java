package dev.stillframe.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.engine.conformance.kernel.NativeMachine;
import dev.stillframe.engine.conformance.model.ModelMachine;
import dev.stillframe.engine.mmu.CowPolicy;
import dev.stillframe.tests.system.Campaign;
import io.micrometer.core.instrument.Clock;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Kernel and model do the same under acts that nobody chose. A seed repeats its run. */
@Timeout(value = 60, unit = TimeUnit.MINUTES)
class RandomActsTest {
    private static final int STEPS = 40;

    @Test
    void kernelAndModelAnswerAlike() throws Exception {
        try (NativeMachine kernel = new NativeMachine(Clock.SYSTEM)) {
            assumeTrue(
                    kernel.mapsZeroPage(),
                    "this kernel gives memory to whoever reads a hole; the model maps the zero page");
        }
        boolean isRepeated = System.getProperty("stillframe.seed") != null;
        long first = Long.getLong("stillframe.seed", System.nanoTime());
        for (long seed = first;
                seed < first + (isRepeated ? 1 : Campaign.turns(30, 2000));
                seed++) {
            if (!difference(seed)
                    .isEmpty()) { // the kernel makes huge pages in the background too, now and then
                assertThat(difference(seed)).as("twice, -Dstillframe.seed=%d", seed).isEmpty();
            }
        }
    }

    private static String difference(long seed) throws IOException {
        try (NativeMachine kernel = new NativeMachine(Clock.SYSTEM);
                ModelMachine model = new ModelMachine(CowPolicy.MODERN, Clock.SYSTEM)) {
            return new RandomActs(seed, kernel, model).run(STEPS);
        }
    }
}
