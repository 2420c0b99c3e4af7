package dev.stillframe.tests.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.capture.SnapshotException;
import dev.stillframe.tests.image.MemoryImage;
import dev.stillframe.tests.system.Snapshots;
import dev.stillframe.tests.target.HungProcess;
import dev.stillframe.tests.target.JavaCommand;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The process that faults is never the process that handles: the engine refuses, and why. */
@Timeout(120)
class OwnJvmTest {
    /** Ten times what the collection needs where it is not stopped. */
    private static final long WATCHDOG_SECONDS = 3;

    @Test
    void theEngineRefusesItsOwnProcess() {
        MemoryImage image = new MemoryImage();
        try {
            int self = (int) ProcessHandle.current().pid();
            assertThatThrownBy(() -> Snapshots.take(self, image))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("is this one")
                    .hasMessageContaining("hangs at the first garbage collection");
            assertThat(image.isPublished()).isFalse();
        } finally {
            image.free();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"SerialGC", "ParallelGC", "G1GC", "ZGC", "ShenandoahGC"})
    void aJvmThatHandlesItsOwnFaultsHangsForEverAtACollection(String collector) throws Exception {
        List<String> flags = List.of("-Xmx64m", "-XX:+Use" + collector);
        Process jvm =
                new ProcessBuilder(JavaCommand.of(SelfHandlingJvm.class, flags, List.of()))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        BufferedReader output = jvm.inputReader();
        try {
            CompletableFuture<String> first = CompletableFuture.supplyAsync(() -> line(output));
            assertThat(first.get(60, TimeUnit.SECONDS)).isEqualTo("ready");
            CompletableFuture<String> second = CompletableFuture.supplyAsync(() -> line(output));
            assertThat(jvm.waitFor(WATCHDOG_SECONDS, TimeUnit.SECONDS)).as("has ended").isFalse();
            assertThat(second).as("has survived").isNotDone();
            jvm.destroy(); // SIGTERM
            assertThat(jvm.waitFor(1, TimeUnit.SECONDS)).as("answers SIGTERM").isFalse();
            jvm.destroyForcibly();
            assertThat(second.get(60, TimeUnit.SECONDS)).isEqualTo("end of output");
        } finally {
            end(jvm, output);
        }
    }

    /**
     * What the stress of the arenas says of a hang: the thread that waits for a fault is found
     * without the JVM's help.
     */
    @Test
    void aJvmThatHangsIsDescribed() throws Exception {
        Process jvm =
                new ProcessBuilder(
                                JavaCommand.of(
                                        SelfHandlingJvm.class, List.of("-Xmx64m"), List.of()))
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        BufferedReader output = jvm.inputReader();
        try {
            CompletableFuture<String> first = CompletableFuture.supplyAsync(() -> line(output));
            assertThat(first.get(60, TimeUnit.SECONDS)).isEqualTo("ready");
            assertThat(HungProcess.describe(jvm))
                    .contains("process " + jvm.pid(), "handle_userfault");
        } finally {
            end(jvm, output);
        }
    }

    /**
     * The child first: to close the reader waits for whoever reads a line of a child that hangs.
     */
    private static void end(Process jvm, BufferedReader output) throws Exception {
        HungProcess.kill(jvm);
        jvm.waitFor();
        output.close();
    }

    private static String line(BufferedReader output) {
        try {
            String line = output.readLine();
            return line == null ? "end of output" : line;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
