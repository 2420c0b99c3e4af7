package dev.stillframe.engine.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.page.PageSink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ImageStoreTest {
    @TempDir Path directory;

    @Test
    void aNewStoreIsPrivate() throws IOException {
        Path store = ImageStore.open(directory.resolve("a/store")).directory();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(store)))
                .isEqualTo("rwx------");
        Path file = Files.writeString(directory.resolve("file"), "");
        assertThatThrownBy(() -> ImageStore.open(file)).hasMessageContaining("is not a directory");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ".",
                "..",
                ".hidden",
                "a/b",
                "../a",
                "/etc",
                "a\0b",
                "a b",
                "a\n",
                "ä",
                "a.partial-0123abcd",
                "a.partial-"
            })
    void whatIsNoNameIsRefused(String name) throws IOException {
        ImageStore store = ImageStore.open(directory);
        assertThatThrownBy(() -> store.resolve(name)).isInstanceOf(ImageFormatException.class);
        assertThatThrownBy(() -> store.create(name)).isInstanceOf(ImageFormatException.class);
        assertThatThrownBy(() -> store.remove(name)).isInstanceOf(IOException.class);
    }

    @Test
    void namesHaveOneToAHundredAndTwentyEightCharacters() throws IOException {
        ImageStore store = ImageStore.open(directory);
        String longest = "x".repeat(128);
        assertThat(store.resolve(longest)).isEqualTo(directory.resolve(longest));
        assertThat(store.resolve("a")).isEqualTo(directory.resolve("a"));
        assertThat(store.resolve("2024-01-01_web.1").getParent()).isEqualTo(directory);
        assertThatThrownBy(() -> store.resolve(longest + "x")).hasMessageContaining("1 to 128");
    }

    @Test
    void imagesAndUnfinishedImagesAreListedAndRemoved() throws IOException {
        ImageStore store = ImageStore.open(directory);
        SampleImage sample = SampleImage.tiny();
        try (PageSink sink = store.create("web")) {
            sink.begin(sample.layout);
            sink.accept(sample.batch());
            sink.finish(sample.ending());
        }
        try (PageSink sink = store.create("db")) {
            sink.begin(sample.layout);
            sink.accept(sample.batch());
            sink.abort("the connection was cut");
        }
        Files.createDirectory(directory.resolve("broken"));
        Files.createDirectory(directory.resolve("not an image"));

        var entries = store.list();
        assertThat(entries)
                .extracting(ImageStore.Entry::published)
                .containsExactly(true, false, true);
        assertThat(entries.get(0).problem()).contains("not a finished image");
        assertThat(entries.get(1).name()).matches("db\\.partial-[0-9a-f]{8}");
        assertThat(entries.get(1).instantEpochNanos()).isNull();
        assertThat(entries.get(1).storedBytes()).isBetween(4096L, 3 * 4096L);
        assertThat(entries.get(2).name()).isEqualTo("web");
        assertThat(entries.get(2).instantEpochNanos()).isEqualTo(sample.layout.instantEpochNanos());
        assertThat(entries.get(2).storedBytes()).isBetween(4096L, 3 * 4096L);

        for (ImageStore.Entry entry : entries) {
            store.remove(entry.name());
        }
        assertThat(store.list()).isEmpty();
        assertThatThrownBy(() -> store.remove("web")).hasMessageContaining("no image there");
    }

    @Test
    void whatIsNotOursIsNotRemoved() throws IOException {
        ImageStore store = ImageStore.open(directory);
        Path foreign = Files.createDirectory(directory.resolve("photos"));
        Files.writeString(foreign.resolve("cat.jpg"), "cat");
        assertThatThrownBy(() -> store.remove("photos")).hasMessageContaining("cat.jpg");
        assertThat(foreign.resolve("cat.jpg")).hasContent("cat");
    }
}
