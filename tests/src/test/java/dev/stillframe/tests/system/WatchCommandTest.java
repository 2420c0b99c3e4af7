package dev.stillframe.tests.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.stillframe.agent.Main;
import dev.stillframe.engine.image.ImageReader;
import dev.stillframe.engine.image.ImageVerifier;
import dev.stillframe.engine.linux.ProcessMemory;
import dev.stillframe.engine.memory.AddressRange;
import dev.stillframe.tests.image.DirectoryTree;
import dev.stillframe.tests.target.JavaCommand;
import dev.stillframe.tests.target.NativeProgram;
import dev.stillframe.tests.target.TargetProcess;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code stillframe watch} as a user starts and stops it. */
@Timeout(300)
class WatchCommandTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Path directory = Path.of("");

    @BeforeEach
    void makeDirectory() throws IOException {
        directory = Files.createTempDirectory(NativeProgram.scratch(), "watch-");
    }

    @AfterEach
    void removeDirectory() throws IOException {
        DirectoryTree.delete(directory);
    }

    private Path store() {
        return directory.resolve("store");
    }

    private TargetProcess target() throws Exception {
        return TargetProcess.startNative(
                "watched", List.of(directory.resolve("mapped").toString()));
    }

    private TargetProcess watch(TargetProcess target, String... more) throws Exception {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "watch",
                                "--json",
                                "--pid",
                                Integer.toString(target.pid()),
                                "--out",
                                store().toString()));
        arguments.addAll(List.of(more));
        return TargetProcess.start(JavaCommand.of(Main.class, List.of(), arguments));
    }

    private static JsonNode next(TargetProcess watch, String event) throws Exception {
        return MAPPER.readTree(watch.awaitLine("\"event\":\"" + event + "\""));
    }

    @Test
    void aChainIsKeptShortAndEveryImageOfItIsWhole() throws Exception {
        try (TargetProcess target = target()) {
            Map<String, Long> facts = target.awaitReady();
            try (TargetProcess watch =
                    watch(target, "--every", "10ms", "--keep", "3", "--times", "6")) {
                assertThat(next(watch, "image").get("unchanged_pages").asLong()).isZero();
                for (int image = 1; image < 6; image++) {
                    assertThat(next(watch, "image").get("unchanged_pages").asLong()).isPositive();
                }
                next(watch, "removed");
                assertThat(watch.awaitExit()).isZero();
            }
            assertThat(images()).hasSize(3);
            for (Path image : images()) {
                check(image, target, facts);
            }
            goOn(target, facts);
        }
    }

    /** Another watch goes on from the images of the last. */
    private void goOn(TargetProcess target, Map<String, Long> facts) throws Exception {
        target.writeLine("write");
        target.awaitLine("done");
        try (TargetProcess watch = watch(target, "--every", "1h", "--keep", "3")) {
            next(watch, "image");
            next(watch, "removed");
            watch.terminate(); // it waits for the next hour
            assertThat(watch.awaitExit()).isZero();
        }
        assertThat(images()).hasSize(3);
        check(images().getLast(), target, facts);
        try (ImageReader reader = ImageReader.open(images().getLast())) {
            assertThat(reader.sharedPages()).isPositive();
        }
    }

    @Test
    void aWatchThatIsKilledLeavesTheProcessAndItsImagesAlone() throws Exception {
        try (TargetProcess target = target()) {
            Map<String, Long> facts = target.awaitReady();
            try (TargetProcess watch = watch(target, "--every", "1h")) {
                next(watch, "image");
                watch.kill();
                watch.awaitExit();
            }
            target.writeLine("write");
            target.awaitLine("done");
            assertThat(Files.readString(Path.of("/proc/" + target.pid() + "/smaps")))
                    .doesNotContain(" uw ");
            try (TargetProcess watch = watch(target, "--every", "1h", "--times", "1")) {
                next(watch, "image");
                assertThat(watch.awaitExit()).isZero();
            }
            check(images().getLast(), target, facts);
        }
    }

    /** The next image is not made out of one that somebody has taken away. */
    @Test
    void anImageThatIsTakenAwayIsNotMissed() throws Exception {
        try (TargetProcess target = target()) {
            Map<String, Long> facts = target.awaitReady();
            try (TargetProcess watch = watch(target, "--every", "2s", "--times", "2")) {
                next(watch, "image");
                DirectoryTree.delete(images().getFirst());
                assertThat(next(watch, "failed").get("reason").asText())
                        .contains("everything is read again");
                assertThat(next(watch, "image").get("unchanged_pages").asLong()).isZero();
                assertThat(watch.awaitExit()).isZero();
            }
            assertThat(images()).hasSize(1);
            check(images().getFirst(), target, facts);
        }
    }

    @Test
    void theEndOfTheProcessIsTheEndOfTheWatch() throws Exception {
        try (TargetProcess target = target()) {
            target.awaitReady();
            try (TargetProcess watch = watch(target, "--every", "1s")) {
                next(watch, "image");
                target.kill();
                target.awaitExit();
                next(watch, "failed");
                assertThat(watch.awaitExit()).isEqualTo(1);
            }
            assertThat(images()).isNotEmpty();
            try (Stream<Path> all = Files.list(store())) {
                assertThat(all.map(Path::toString)).noneMatch(name -> name.contains("partial"));
            }
        }
    }

    private List<Path> images() throws IOException {
        try (Stream<Path> all = Files.list(store())) {
            return all.sorted().toList();
        }
    }

    /** The target stands still: what was last taken is what it has. */
    private static void check(Path image, TargetProcess target, Map<String, Long> facts)
            throws Exception {
        assertThat(ImageVerifier.verify(image, ImageVerifier.Progress.NONE).damages()).isEmpty();
        long start = facts.getOrDefault("anonymous", 0L);
        long bytes = facts.getOrDefault("bytes", 0L);
        try (ProcessMemory memory = ProcessMemory.of(target.pid());
                ImageReader reader = ImageReader.open(image)) {
            MemorySegment stored = Arena.ofAuto().allocate(bytes, 8);
            assertThat(reader.read(new AddressRange(start, start + bytes), stored)).isEmpty();
            byte[] now = memory.read(start, Math.toIntExact(bytes));
            assertThat(stored.mismatch(MemorySegment.ofArray(now))).isEqualTo(-1);
        }
    }
}
