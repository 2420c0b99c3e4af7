package dev.stillframe.agent.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.stillframe.engine.memory.AddressRange;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.TypeConversionException;

class TypedValuesTest {
    @ParameterizedTest
    @CsvSource({
        "0,0",
        "4096,4096",
        "1K,1024",
        "512M,536870912",
        "512m,536870912",
        "2G,2147483648",
        "2GiB,2147483648",
        "2gb,2147483648",
        "3T,3298534883328"
    })
    void sizes(String typed, long bytes) {
        assertThat(ByteSize.parse(typed).bytes()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "-1", "1.5G", "1X", "9999999999999T", "99999999999999999999"})
    void notSizes(String typed) {
        assertThatThrownBy(() -> ByteSize.parse(typed)).isInstanceOf(TypeConversionException.class);
    }

    @Test
    void durations() {
        assertThat(TypedDuration.parse("250us")).isEqualTo(Duration.ofNanos(250_000));
        assertThat(TypedDuration.parse("5ms")).isEqualTo(Duration.ofMillis(5));
        assertThat(TypedDuration.parse("30s")).isEqualTo(Duration.ofSeconds(30));
        assertThat(TypedDuration.parse("2m")).isEqualTo(Duration.ofMinutes(2));
        assertThatThrownBy(() -> TypedDuration.parse("5"))
                .isInstanceOf(TypeConversionException.class);
        assertThatThrownBy(() -> TypedDuration.parse("-5s"))
                .isInstanceOf(TypeConversionException.class);
    }

    @Test
    void addresses() {
        assertThat(HostPort.parse("127.0.0.1:7070")).isEqualTo(new HostPort("127.0.0.1", 7070));
        assertThat(HostPort.parse("backup-2.example:1"))
                .isEqualTo(new HostPort("backup-2.example", 1));
        assertThat(HostPort.parse("[::1]:0")).isEqualTo(new HostPort("::1", 0));
        assertThat(HostPort.parse("[::1]:0")).hasToString("[::1]:0");
        assertThat(Endpoint.parse("h:1")).isEqualTo(new HostPort("h", 1));
        assertThat(Endpoint.parse("unix:/run/s"))
                .isEqualTo(new Endpoint.UnixSocket(Path.of("/run/s")))
                .hasToString("unix:/run/s");
        assertThatThrownBy(() -> Endpoint.parse("unix:"))
                .isInstanceOf(TypeConversionException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "host", ":1", "host:", "host:65536", "::1:5", "a b:1", "host:1:2"})
    void notAddresses(String typed) {
        assertThatThrownBy(() -> HostPort.parse(typed)).isInstanceOf(TypeConversionException.class);
    }

    @Test
    void ranges() {
        AddressRange range = new AddressRange(0x7f00a000L, 0x7f00c000L);
        assertThat(TypedRange.parse("7f00a000-7f00c000")).isEqualTo(range);
        assertThat(TypedRange.parse("0x7F00A000-0x7F00C000")).isEqualTo(range);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1", "1-1", "2-1", "1-", "g-h", "0-ffffffffffffffffff"})
    void notRanges(String typed) {
        assertThatThrownBy(() -> TypedRange.parse(typed))
                .isInstanceOf(TypeConversionException.class);
    }

    @Test
    void numbersForPeople() {
        assertThat(Units.bytes(512)).isEqualTo("512 bytes");
        assertThat(Units.bytes(1536)).isEqualTo("1.50 KiB");
        assertThat(Units.bytes(256L << 20)).isEqualTo("256 MiB");
        assertThat(Units.count(262_144)).isEqualTo("262,144");
        assertThat(Units.time(26_000)).isEqualTo("26.0 us");
        assertThat(Units.time(4_212_345)).isEqualTo("4.21 ms");
        assertThat(Units.time(1_900_000_000)).isEqualTo("1.90 s");
        assertThat(Units.rate(2_710_000_000L, 1_000_000_000)).isEqualTo("2.71 GB/s");
        assertThat(Units.rate(20_000_000L, 1_000_000_000)).isEqualTo("20.0 MB/s");
        assertThat(Units.millis(4_212_345)).isEqualTo(4.212);
        assertThat(Units.micros(110_512)).isEqualTo(110.5);
    }
}
