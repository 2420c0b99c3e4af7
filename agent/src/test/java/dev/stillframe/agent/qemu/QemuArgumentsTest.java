package dev.stillframe.agent.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.memory.AddressRange;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The user's command line keeps everything but where the memory comes from. */
class QemuArgumentsTest {
    private static final MachineState.Block BLOCK =
            new MachineState.Block("ram0", new AddressRange(0, 1 << 30), 1 << 30, true);
    private static final QemuArguments.Backing CLONE =
            new QemuArguments.Backing(BLOCK, Path.of("/i/pages"), false);
    private static final String OBJECT =
            "memory-backend-file,id=ram0,size=1073741824,mem-path=/i/pages,share=off";

    @Test
    void theBackendOfThatNameIsReplacedAndTheOthersStay() {
        assertThat(
                        words(
                                "qemu",
                                "-object",
                                "rng-random,id=r",
                                "-object",
                                "memory-backend-memfd,id=ram0,size=1G,share=on,prealloc=on",
                                "-m",
                                "1G"))
                .containsExactly(
                        "qemu", "-object", "rng-random,id=r", "-object", OBJECT, "-m", "1G");
    }

    @Test
    void whereItsMemoryLiesOnTheHostStays() {
        assertThat(
                        words(
                                "qemu",
                                "-object",
                                "memory-backend-ram,id=ram0,size=1G,host-nodes=0-1,policy=bind,merge=off"))
                .containsExactly(
                        "qemu", "-object", OBJECT + ",host-nodes=0-1,policy=bind,merge=off");
    }

    @Test
    void anObjectInJsonIsReplacedToo() {
        assertThat(
                        words(
                                "qemu",
                                "-object",
                                "{\"qom-type\":\"memory-backend-memfd\",\"id\":\"ram0\",\"size\":1073741824}"))
                .containsExactly("qemu", "-object", OBJECT);
        assertThat(words("qemu", "-object", "{ nonsense", "-object", "x,id=ram0"))
                .containsExactly("qemu", "-object", "{ nonsense", "-object", OBJECT);
    }

    @Test
    void aMachineWithoutABackendGetsOne() {
        assertThat(words("qemu", "-m", "1G"))
                .containsExactly(
                        "qemu", "-m", "1G", "-object", OBJECT, "-machine", "memory-backend=ram0");
    }

    @Test
    void aFileWithACommaIsWrittenAsQemuReadsIt() {
        QemuArguments.Backing odd = new QemuArguments.Backing(BLOCK, Path.of("/a,b"), true);
        assertThat(new QemuArguments(List.of("qemu")).mapping(odd).words())
                .contains("memory-backend-file,id=ram0,size=1073741824,mem-path=/a,,b,share=on");
    }

    @Test
    void aNameOrAPropertyWithACommaRemainsOne() {
        MachineState.Block named =
                new MachineState.Block(
                        "x,mem-path=/etc/passwd", new AddressRange(0, 1 << 30), 1 << 30, true);
        QemuArguments.Backing odd = new QemuArguments.Backing(named, Path.of("/i"), false);
        assertThat(new QemuArguments(List.of("qemu")).mapping(odd).words())
                .containsExactly(
                        "qemu",
                        "-object",
                        "memory-backend-file,id=x,,mem-path=/etc/passwd,size=1073741824,mem-path=/i,share=off",
                        "-machine",
                        "memory-backend=x,,mem-path=/etc/passwd");
        assertThat(
                        words(
                                "qemu",
                                "-object",
                                "memory-backend-file,mem-path=/a,,id=x,id=ram0,x-note=a,,policy=b"))
                .containsExactly("qemu", "-object", OBJECT + ",x-note=a,,policy=b");
    }

    @Test
    void memoryThatIsFilledFromOutsideHasNoFile() {
        QemuArguments.Backing later = new QemuArguments.Backing(BLOCK, null, true);
        assertThat(
                        new QemuArguments(
                                        List.of(
                                                "qemu",
                                                "-object",
                                                "memory-backend-file,id=ram0,size=1G,mem-path=/x,policy=bind"))
                                .mapping(later)
                                .words())
                .containsExactly(
                        "qemu",
                        "-object",
                        "memory-backend-memfd,id=ram0,size=1073741824,share=on,policy=bind");
    }

    @Test
    void anOptionIsTakenAwayWithItsValue() {
        assertThat(
                        new QemuArguments(List.of("qemu", "-incoming", "defer", "-m", "1G"))
                                .without("incoming")
                                .words())
                .containsExactly("qemu", "-m", "1G");
        assertThat(
                        new QemuArguments(List.of("qemu", "-daemonize", "-m", "1G"))
                                .withoutFlag("daemonize")
                                .words())
                .containsExactly("qemu", "-m", "1G");
    }

    @Test
    void theLineCanBeTyped() {
        assertThat(new QemuArguments(List.of("qemu", "-append", "a b", "it's")).line())
                .isEqualTo("qemu -append 'a b' 'it'\\''s'");
    }

    private static List<String> words(String... typed) {
        return new QemuArguments(List.of(typed)).mapping(CLONE).words();
    }
}
