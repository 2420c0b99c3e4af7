package dev.stillframe.transport.receiver;

import dev.stillframe.transport.Seed;
import java.io.IOException;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A receiver for each test, which has survived it at its end. */
abstract class HostileFixture {
    final Random random = Seed.random();
    Siege siege;

    @BeforeEach
    void start() throws IOException {
        siege = new Siege(random);
    }

    @AfterEach
    void survives() throws Exception {
        try (Siege over = siege) {
            over.assertSurvived();
        }
    }
}
