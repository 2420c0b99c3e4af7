package dev.stillframe.tests.bench;

import dev.stillframe.engine.page.DiscardingSink;
import dev.stillframe.tests.network.Certificates;
import dev.stillframe.transport.encoding.Preset;
import dev.stillframe.transport.receiver.Receiver;
import dev.stillframe.transport.receiver.ReceiverEvents;
import dev.stillframe.transport.receiver.ReceiverLimits;
import dev.stillframe.transport.security.Credentials;
import dev.stillframe.transport.sender.Sender;
import dev.stillframe.transport.sender.SenderOptions;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;

/**
 * How fast pages go over loopback, their hashes computed and checked: plain in turns with iperf3
 * over as many connections, with TLS in turns with what one core can encrypt.
 */
final class TransportBench {
    private static final long SIZE_BYTES = 6L << 30;
    private static final int IPERF_SECONDS = 3;
    private static final int TURNS = Math.max(3, Integer.getInteger("stillframe.bench.turns", 7));

    private TransportBench() {}

    static void measure(Figures figures) throws Exception {
        try (SentMemory memory = new SentMemory()) {
            plain(memory, 2); // warm
            adaptive(memory, figures);
            figures.add("allocated_bytes_per_page", allocatedPerPage(memory));
            for (int connections : new int[] {1, 2, 4}) {
                List<Double> ours = new ArrayList<>();
                List<Double> theirs = new ArrayList<>();
                List<Double> ourCpu = new ArrayList<>();
                List<Double> theirCpu = new ArrayList<>();
                for (int turn = 0; turn < TURNS; turn++) {
                    Iperf.Result result = plain(memory, connections);
                    ours.add(result.bytesPerSecond() / 1e9);
                    ourCpu.add(result.cpuSecondsPerGb());
                    Iperf.Result iperf = Iperf.run(connections, IPERF_SECONDS);
                    theirs.add(iperf.bytesPerSecond() / 1e9);
                    theirCpu.add(iperf.cpuSecondsPerGb());
                }
                String suffix = "_" + connections + "_connections";
                figures.addAll("gb_per_s" + suffix, ours);
                figures.addAll("iperf3_gb_per_s" + suffix, theirs);
                figures.add(
                        "share_of_iperf3" + suffix,
                        Figures.quantile(ours, 0.5) / Figures.quantile(theirs, 0.5));
                figures.add("cpu_s_per_gb" + suffix, Figures.quantile(ourCpu, 0.5));
                figures.add("iperf3_cpu_s_per_gb" + suffix, Figures.quantile(theirCpu, 0.5));
            }
        }
    }

    /** What it costs to look whether the wire is the bottleneck, where it is not. */
    private static void adaptive(SentMemory memory, Figures figures) throws Exception {
        List<Double> off = new ArrayList<>();
        List<Double> adaptive = new ArrayList<>();
        for (int turn = 0; turn < TURNS; turn++) {
            off.add(plain(memory, 2).bytesPerSecond() / 1e9);
            adaptive.add(
                    send(memory, SenderOptions.DEFAULT.withLanes(2), Credentials.NONE)
                                    .bytesPerSecond()
                            / 1e9);
        }
        figures.addAll("gb_per_s_off", off);
        figures.addAll("gb_per_s_adaptive", adaptive);
        figures.add(
                "adaptive_to_off_median",
                Figures.quantile(adaptive, 0.5) / Figures.quantile(off, 0.5));
    }

    /** One TLS connection, in turns with what one core can encrypt. */
    static void measureTls(Figures figures) throws Exception {
        try (SentMemory memory = new SentMemory()) {
            Credentials credentials = Certificates.make();
            SenderOptions options =
                    SenderOptions.DEFAULT
                            .withLanes(1)
                            .withPreset(Preset.OFF)
                            .withCredentials(credentials);
            send(memory, options, credentials); // warm
            List<Double> ours = new ArrayList<>();
            List<Double> cpu = new ArrayList<>();
            List<Double> cipher = new ArrayList<>();
            for (int turn = 0; turn < TURNS; turn++) {
                Iperf.Result result = send(memory, options, credentials);
                ours.add(result.bytesPerSecond() / 1e9);
                cpu.add(result.cpuSecondsPerGb());
                cipher.add(Certificates.cipherBytesPerSecond() / 1e9);
            }
            figures.addAll("gb_per_s_tls_1_connection", ours);
            figures.addAll("openssl_gb_per_s", cipher);
            figures.add("cpu_s_per_gb_tls", Figures.quantile(cpu, 0.5));
            figures.add(
                    "share_of_openssl",
                    Figures.quantile(ours, 0.5) / Figures.quantile(cipher, 0.5));
        }
    }

    private static Iperf.Result plain(SentMemory memory, int connections) throws Exception {
        return send(
                memory,
                SenderOptions.DEFAULT.withLanes(connections).withPreset(Preset.OFF),
                Credentials.NONE);
    }

    private static Iperf.Result send(
            SentMemory memory, SenderOptions options, Credentials credentials) throws Exception {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        try (Receiver receiver =
                        Receiver.start(
                                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                                (_, _, _, _) -> new DiscardingSink(),
                                ReceiverLimits.DEFAULT,
                                credentials,
                                registry,
                                ReceiverEvents.NONE);
                Sender sender = Sender.connect(receiver.address(), "bench", options, registry)) {
            long cpu = cpuNanos();
            long start = System.nanoTime();
            memory.send(sender, SIZE_BYTES);
            double seconds = (System.nanoTime() - start) / 1e9;
            double cpuSeconds = (cpuNanos() - cpu) / 1e9;
            return new Iperf.Result(SIZE_BYTES / seconds, cpuSeconds / (SIZE_BYTES / 1e9));
        }
    }

    /** What both sides together allocate on the heap, everything in a session included. */
    private static double allocatedPerPage(SentMemory memory) throws Exception {
        com.sun.management.ThreadMXBean threads =
                (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getTotalThreadAllocatedBytes();
        plain(memory, 2);
        return (threads.getTotalThreadAllocatedBytes() - before) / (SIZE_BYTES / 4096.0);
    }

    private static long cpuNanos() {
        return ((com.sun.management.OperatingSystemMXBean)
                        ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }
}
