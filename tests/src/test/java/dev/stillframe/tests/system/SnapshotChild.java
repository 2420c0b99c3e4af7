package dev.stillframe.tests.system;

import dev.stillframe.engine.capture.InstantChoice;
import dev.stillframe.engine.capture.Snapshot;
import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.engine.process.Probe;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A process that takes a snapshot and may kill itself on the way. Arguments: pid, name of a probe's
 * point, at which call of it to die, and which instant to take; a name that is no point lets it
 * live, and then it prints each point with its calls.
 */
public final class SnapshotChild {
    private SnapshotChild() {}

    /** See the class. */
    public static void main(String[] arguments) throws Exception {
        int pid = Integer.parseInt(arguments[0]);
        String fatalPoint = arguments[1];
        long fatalCall = Long.parseLong(arguments[2]);
        Map<String, AtomicLong> calls = new ConcurrentHashMap<>();
        Probe probe =
                point -> {
                    long call =
                            calls.computeIfAbsent(point, _ -> new AtomicLong()).incrementAndGet();
                    if (call == fatalCall && point.equals(fatalPoint)) {
                        SelfKill.now();
                    }
                };
        System.out.println("go");
        Snapshots.takeBetween(
                pid,
                new DiscardingSink(),
                new Snapshot.Seams(probe, Snapshot.Seams.NONE.reader()),
                InstantChoice.valueOf(arguments[3]));
        new TreeMap<>(calls)
                .forEach((point, count) -> System.out.printf("point %d %s%n", count.get(), point));
        System.out.println("done");
    }
}
