package dev.stillframe.tests.conformance;

import dev.stillframe.engine.conformance.Backend;
import dev.stillframe.engine.conformance.Matrix;
import dev.stillframe.engine.conformance.ScenarioFormatException;
import dev.stillframe.engine.conformance.ScenarioParser;
import dev.stillframe.engine.conformance.Suite;
import dev.stillframe.engine.conformance.backend.LocalMachines;
import io.micrometer.core.instrument.Clock;
import java.util.List;

/** Runs scenarios for tests. Stateless. */
final class Runs {
    private Runs() {}

    static Matrix of(String text, Backend... backends) throws ScenarioFormatException {
        return of(new Suite(ScenarioParser.parse("test.txt", text)), backends);
    }

    static Matrix of(Suite suite, Backend... backends) {
        return suite.run(
                List.of(backends),
                new LocalMachines(Clock.SYSTEM),
                (scenario, on, verdict, done, all) -> {});
    }
}
