package dev.stillframe.engine.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelVersionTest {
    @ParameterizedTest
    @CsvSource({
        "6.13.0, true",
        "6.13-rc1, true",
        "6.18.44-cloud, true",
        "7.0, true",
        "6.12.57+deb13-amd64, false",
        "6.1.0-44-amd64, false",
        "5.15.0, false"
    })
    void versionsAreComparedByNumber(String version, boolean isNew) {
        assertThat(KernelVersion.isAtLeast(version, 6, 13)).isEqualTo(isNew);
    }
}
