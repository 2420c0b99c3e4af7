package dev.stillframe.tests.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.ServerSocket;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** {@code iperf3} on loopback: what the machine's TCP can do. */
final class Iperf {
    private Iperf() {}

    /**
     * What it found.
     *
     * @param bytesPerSecond that arrived
     * @param cpuSecondsPerGb of both sides together
     */
    record Result(double bytesPerSecond, double cpuSecondsPerGb) {}

    /** Sends for some seconds over so many connections. */
    static Result run(int connections, int seconds) throws IOException, InterruptedException {
        String port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = Integer.toString(free.getLocalPort());
        }
        Process server =
                new ProcessBuilder("iperf3", "-s", "-1", "-p", port, "--forceflush")
                        .redirectErrorStream(true)
                        .start();
        try {
            server.inputReader().readLine(); // a rule of dashes: it listens next
            server.inputReader().readLine();
            Process client =
                    new ProcessBuilder(
                                    List.of(
                                            "iperf3",
                                            "-c",
                                            "127.0.0.1",
                                            "-p",
                                            port,
                                            "-P",
                                            Integer.toString(connections),
                                            "-t",
                                            Integer.toString(seconds),
                                            "-J"))
                            .redirectErrorStream(true)
                            .start();
            JsonNode end = new ObjectMapper().readTree(client.getInputStream()).path("end");
            client.waitFor(1, TimeUnit.MINUTES);
            double bytesPerSecond = end.path("sum_received").path("bits_per_second").asDouble() / 8;
            JsonNode cpu = end.path("cpu_utilization_percent");
            double cores =
                    (cpu.path("host_total").asDouble() + cpu.path("remote_total").asDouble()) / 100;
            return new Result(bytesPerSecond, cores / (bytesPerSecond / 1e9));
        } finally {
            server.destroy();
            server.waitFor(1, TimeUnit.MINUTES);
        }
    }
}
