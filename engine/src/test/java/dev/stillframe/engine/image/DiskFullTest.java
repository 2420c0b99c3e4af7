package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.stillframe.engine.instant.Layout;
import dev.stillframe.engine.instant.PageKind;
import dev.stillframe.engine.memory.Extent;
import dev.stillframe.engine.memory.Region;
import dev.stillframe.engine.memory.RegionKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Needs root, for a file system of 4 MiB. */
class DiskFullTest {
    private static final int PAGE = SampleImage.PAGE;

    @TempDir Path directory;
    private boolean mounted;

    @BeforeEach
    void mount() throws Exception {
        assumeTrue(
                "root".equals(System.getProperty("user.name")),
                "mounting a small file system needs root");
        int code = run("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory.toString());
        assumeTrue(code == 0, "this system does not let root mount a tmpfs (a container?)");
        mounted = true;
    }

    @AfterEach
    void unmount() throws Exception {
        if (mounted) {
            assertThat(run("umount", directory.toString())).isZero();
        }
    }

    @Test
    void aFullDiskIsAnErrorThatSaysHowMuchWhereAndWhatToDo() throws IOException {
        int pages = 2048;
        byte[] data = new byte[pages * PAGE];
        new Random(1).nextBytes(data);
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(layout(pages));
            RunsBatch batch = new RunsBatch().addData(0, data);
            assertThatThrownBy(() -> writer.accept(batch))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining(
                            "cannot write 8388608 bytes at 0 of " + writer.partial() + "/pages")
                    .hasMessageContaining("No space left on device")
                    .hasMessageContaining("make room or choose another place");
            assertThat(batch.released).isOne();
            assertThat(writer.partial()).exists();
        }
        assertThat(directory.resolve("image")).doesNotExist();
    }

    /** Without the reservation a store into the mapped index would be a SIGBUS. */
    @Test
    void aDiskThatGetsFullUnderTheIndexIsAnError() throws IOException {
        int pages = 100_000; // an index of 2.4 MB
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            writer.begin(layout(pages));
            Files.write(directory.resolve("ballast"), new byte[3 << 20]);
            RunsBatch batch = new RunsBatch().add(PageKind.ZERO, 0, pages);
            assertThatThrownBy(() -> writer.accept(batch))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("/index: No space left on device");
        }
        assertThat(directory.resolve("image")).doesNotExist();
    }

    @Test
    void anIndexThatCannotFitIsRefusedAtTheBeginning() throws IOException {
        try (ImageWriter writer = ImageWriter.create(directory.resolve("image"))) {
            assertThatThrownBy(() -> writer.begin(layout(1_000_000)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("the index of 1000000 pages needs 24000128 bytes");
        }
        assertThat(directory.toFile().list()).isEmpty();
    }

    private static Layout layout(int pages) {
        Region heap =
                SampleImage.region(
                        SampleImage.HEAP,
                        pages,
                        RegionKind.ANONYMOUS,
                        "",
                        List.of(new Extent(0, pages, 0)));
        return SampleImage.layout(List.of(), List.of(heap));
    }

    private static int run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).inheritIO().start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }
}
