package dev.stillframe.agent.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.agent.qemu.OptionText.Property;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Options are taken apart and written as QEMU does it. */
class OptionTextTest {
    @Test
    void aCommaThatIsWrittenTwiceIsPartOfTheValue() {
        OptionText text = parse("memory-backend-file,mem-path=/a,,id=x,,,id=y,share");
        assertThat(text.type()).isEqualTo("memory-backend-file");
        assertThat(text.properties())
                .containsExactly(
                        new Property("mem-path", "/a,id=x,"),
                        new Property("id", "y"),
                        new Property("share", "on"));
        assertThat(text.value("id")).isEqualTo("y");
    }

    @Test
    void theLastValueCounts() {
        assertThat(parse("a,id=x,id=y").value("id")).isEqualTo("y");
        assertThat(parse("a").value("id")).isNull();
    }

    @Test
    void anObjectInJsonHasTheSameParts() {
        OptionText text =
                parse(
                        "{\"qom-type\": \"rng\", \"id\": \"r\", \"on\": true, \"host-nodes\": [0, 1], \"a\": {\"b\": \"c\"}}");
        assertThat(text.type()).isEqualTo("rng");
        assertThat(text.text()).isEqualTo("rng,id=r,on=on,host-nodes.0=0,host-nodes.1=1,a.b=c");
        assertThat(OptionText.parse("{ nonsense", "qom-type")).isNull();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ",", ",,", "=", "a", "a,b=c", "x=,,", "t,k=a,,b=c,d=", "t,,u,k=v"})
    void whatIsWrittenIsReadAsTheSame(String text) {
        OptionText parsed = parse(text);
        assertThat(parse(parsed.text())).isEqualTo(parsed);
    }

    @Test
    void aNameRemainsOneValue() {
        OptionText text =
                new OptionText("t", List.of(new Property("id", "x,mem-path=/etc/passwd")));
        assertThat(parse(text.text())).isEqualTo(text);
    }

    private static OptionText parse(String text) {
        return Objects.requireNonNull(OptionText.parse(text, "qom-type"));
    }
}
