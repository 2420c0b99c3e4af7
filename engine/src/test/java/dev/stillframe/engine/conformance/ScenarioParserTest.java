package dev.stillframe.engine.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScenarioParserTest {
    @Test
    void aLineIsTakenApart() throws ScenarioFormatException {
        Scenario scenario =
                ScenarioParser.parse(
                                "x.txt",
                                """
                                # a comment
                                scenario S1 a title, with words
                                  fails under V2, PRE: a reason: with a colon
                                  repeat 3                   # turns
                                    under kernel, MODERN: W%: store child:a[2,5)+7 'b' -> parked D | EINVAL
                                  end
                                  copy a[1] 0 wp dontwake by u
                                """)
                        .getFirst();
        assertThat(scenario.id()).isEqualTo("S1");
        assertThat(scenario.title()).isEqualTo("a title, with words");
        assertThat(scenario.failsUnder())
                .containsOnlyKeys("V2", "PRE")
                .containsValue("a reason: with a colon");
        Step store = scenario.steps().getFirst().body().getFirst();
        assertThat(store.line()).isEqualTo(5);
        assertThat(store.doer()).isEqualTo("W%");
        assertThat(store.verb()).isEqualTo(Verb.STORE);
        assertThat(store.operands()).containsExactly("child:a[2,5)+7", "'b'");
        assertThat(store.outcome()).isEqualTo("parked D | EINVAL");
        assertThat(store.isFor(Backend.MODERN)).isTrue();
        assertThat(store.isFor(Backend.V2)).isFalse();
        assertThat(Place.of("child:a[2,5)+7")).isEqualTo(new Place("child", "a", 2, 5, 7, -1));
        assertThat(scenario.steps().get(1).options()).containsOnlyKeys("wp", "dontwake", "by");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '"',
            value = {
                "frob a; unknown word frob",
                "store a 'b'; store is done by a thread: expected T1: store RANGE VALUE",
                "T1: fill a 'b'; fill is not done by anybody",
                "T1: store a; where VALUE is a byte such as 'x' or 0",
                "T1: store a 'bb'; VALUE",
                "T1: store a[1 'b'; RANGE",
                "T1: store a 'b' -> perked; after ->, expected ok, parked",
                "T1: store a 'b' 'c'; expected store RANGE VALUE, not 'c'",
                "memory a paper 1; where KIND is one of anon, thp",
                "userfaultfd u event-fork frobs; where FEATURE is one of event-fork",
                "register a wp|write; MODES",
                "expect bits a PXXXX; where BITS is five of PSFWX",
                "expect message rp a; WHAT is one of wp, missing",
                "expect message wp a by; WHAT is one of",
                "expect messages 3 wp; WHAT is one of",
                "expect messages 3x wp a; NUMBER WHAT RANGE",
                "expect T1 perked; expected a thread and how it stands",
                "under V9: wake a; expected kernel, model, or a rule such as MODERN, not V9",
                "fails under V9: no; not V9",
                "end; expected a repeat before its end",
                "repeat 3; expected an end for each repeat",
                "scenario S1 again; expected another id",
                "scenario; expected a scenario: scenario ID TITLE",
            })
    void aWrongLineIsNamedWithWhatWasExpected(String line, String expected) {
        assertThatThrownBy(
                        () ->
                                ScenarioParser.parse(
                                        "x.txt", "scenario S1 t\n  wake a\n" + line + "\n"))
                .isInstanceOf(ScenarioFormatException.class)
                .hasMessageMatching("(?s)x\\.txt:\\d+: .*")
                .hasMessageContaining(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '"',
            value = {
                "wake a[2]; 3: expected at most 2 pages, as a has: not a[2]",
                "wake a[0,3); 3: expected at most 2 pages, as a has: not a[0,3)",
                "wake a[1,1); 3: expected a range of pages, not a[1,1)",
                "T1: mremap a over a[2]; 3: expected at most 2 pages, as a has: not a[2]",
                "expect messages wp a[1], wp a[2]; 3: expected at most 2 pages, as a has: not a[2]",
                "T1: mremap a[1] as b|  wake b[1]; 4: expected at most 1 pages, as b has: not b[1]",
                "memory a memfd 2; 3: expected another name: there is a memory a",
                "memory h thp 100; 3: expected a multiple of 512 pages of thp, not 100",
                "memory h hugetlb 513; 3: expected a multiple of 512 pages of hugetlb, not 513",
                "memory b anon 0; 3: expected a number of pages from 1 on, not 0",
            })
    void aRangeThatIsNotThereIsNamedBeforeAnythingRuns(String lines, String expected) {
        String text =
                """
                scenario S1 t
                  memory a anon 2
                  %s
                """
                        .formatted(lines.replace('|', '\n'));
        assertThatThrownBy(() -> ScenarioParser.parse("x.txt", text))
                .isInstanceOf(ScenarioFormatException.class)
                .hasMessage("x.txt:" + expected);
    }

    @Test
    void whatMovesAndGrowsIsAsLongAsItBecame() throws Exception {
        String text =
                """
                scenario S1 t
                  memory a anon 2
                  T1: mremap a to 5 as b
                  wake b[4]
                """;
        assertThat(ScenarioParser.parse("x.txt", text)).hasSize(1);
    }

    @Test
    void aScenarioWithoutLinesIsWrong() {
        assertThatThrownBy(
                        () ->
                                ScenarioParser.parse(
                                        "x.txt", "scenario S1 t\n\nscenario S2 t\n  wake a\n"))
                .hasMessage("x.txt:1: expected at least one line in scenario S1");
    }

    @Test
    void aFileWithoutScenariosIsWrong() {
        assertThatThrownBy(() -> ScenarioParser.parse("x.txt", "# nothing\n"))
                .hasMessage("x.txt:1: expected a scenario: scenario ID TITLE");
    }

    @Test
    void theBuiltInScenariosCanBeReadAndHaveUniqueIds() {
        List<Scenario> scenarios = Suite.builtIn().scenarios();
        assertThat(scenarios)
                .extracting(Scenario::id)
                .doesNotHaveDuplicates()
                .hasSizeGreaterThan(100);
    }
}
