package dev.stillframe.engine.instant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.tests.target.NativeProgram;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** A library is not trusted by its name: a wrong hash would be in images and on the wire. */
class SystemXxHashTest {
    @Test
    void theSystemsLibraryIsUsed() {
        assertThat(SystemXxHash.bind("libxxhash.so.0")).as("libxxhash0 is installed").isNotNull();
    }

    @Test
    void noLibraryIsNoError() {
        assertThat(SystemXxHash.bind("libxxhash-that-is-not-there.so")).isNull();
    }

    /** XXH3 was another function before 0.8.0. */
    @Test
    void aLibraryBeforeTheResultWasFrozenIsNotUsed() throws Exception {
        assertThat(SystemXxHash.bind(library(704).toString())).isNull();
    }

    @Test
    void aLibraryThatHashesWrongIsNotUsed() throws Exception {
        assertThat(SystemXxHash.bind(library(803).toString())).isNull();
    }

    private static Path library(int version) throws Exception {
        return NativeProgram.ofLibrary("xxhash", "VERSION=" + version);
    }
}
