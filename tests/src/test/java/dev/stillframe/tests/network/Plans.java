package dev.stillframe.tests.network;

import dev.stillframe.tests.network.NetworkPlan.ConnectionPlan;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Random plans. Slow stretches stay so short that a frame comes whole within the time that both
 * sides wait for one, or the plan would say nothing of what has to come of it. Stateless.
 */
final class Plans {
    private static final int MAX_CONNECTIONS = 6;
    private static final int GREETING_BYTES = 64;
    private static final int BEGINNING_BYTES = 2048;
    private static final int ANSWER_BYTES = 600;

    private Plans() {}

    /** A plan for a session that sends about {@code bytes}; one in ten does no harm. */
    static NetworkPlan random(RandomGenerator random, long bytes) {
        if (random.nextInt(10) == 0) {
            return NetworkPlan.CALM;
        }
        boolean lossless = random.nextInt(5) == 0;
        List<ConnectionPlan> connections =
                IntStream.range(0, 1 + random.nextInt(MAX_CONNECTIONS))
                        .mapToObj(_ -> connection(random, bytes, lossless))
                        .toList();
        return new NetworkPlan(connections);
    }

    private static ConnectionPlan connection(RandomGenerator random, long bytes, boolean lossless) {
        List<Fault> toReceiver = new ArrayList<>();
        for (int left = random.nextInt(4); left > 0; left--) {
            toReceiver.add(fault(random, place(random, bytes), lossless));
        }
        List<Fault> toSender = new ArrayList<>();
        for (int left = random.nextInt(3); left > 0; left--) {
            toSender.add(fault(random, random.nextInt(ANSWER_BYTES), lossless));
        }
        return new ConnectionPlan(door(random, lossless), toReceiver, toSender);
    }

    /** Often in the first frames, where all is decided, else anywhere. */
    private static long place(RandomGenerator random, long bytes) {
        return switch (random.nextInt(4)) {
            case 0 -> random.nextInt(GREETING_BYTES);
            case 1 -> random.nextInt(BEGINNING_BYTES);
            default -> random.nextLong(bytes);
        };
    }

    private static Door door(RandomGenerator random, boolean lossless) {
        int dice = random.nextInt(100);
        if (dice < 8) {
            return new Door.HeldBack(1 + random.nextInt(3), millis(random, 200));
        } else if (dice < 15 && !lossless) {
            return new Door.Refused();
        } else if (dice < 20 && !lossless) {
            return new Door.Down(millis(random, 500));
        }
        return new Door.Open();
    }

    private static Fault fault(RandomGenerator random, long at, boolean lossless) {
        int dice = random.nextInt(lossless ? 42 : 100);
        if (dice < 20) {
            return new Fault.Stall(at, millis(random, 300));
        } else if (dice < 32) {
            int piece = 20 + random.nextInt(200);
            return new Fault.Drip(at, random.nextInt(100 * piece), piece, Duration.ofMillis(1));
        } else if (dice < 42) {
            long rate = (1L << 20) << random.nextInt(5);
            return new Fault.Limit(
                    at, random.nextLong(rate / 4), rate, 100 + random.nextInt(20_000));
        } else if (dice < 82) {
            Fault.Cut.How[] how = Fault.Cut.How.values();
            return new Fault.Cut(at, how[random.nextInt(how.length)]);
        } else if (dice < 95) {
            return new Fault.Flip(at, random.nextInt(8));
        }
        return new Fault.BlackHole(at);
    }

    private static Duration millis(RandomGenerator random, int most) {
        return Duration.ofMillis(1 + random.nextInt(most));
    }
}
